"""Odd input over the whole API: schemathesis along `/openapi.json`, and requests that no schema describes. Nothing may be a 5xx, every
refusal has the API's error shape, and the ledger adds up afterwards. Usage: fuzz.py FLORIN SCHEMATHESIS [SECONDS]
"""
import http.client
import json
import os
import pathlib
import random
import signal
import subprocess
import sys
import tempfile
import urllib.parse
import urllib.request

sys.path.insert(0, str(pathlib.Path(__file__).parent.parent / "shapes"))
from shapes import operations, problems  # noqa: E402

FLORIN, SCHEMATHESIS = sys.argv[1:3]
SECONDS = int(sys.argv[3]) if len(sys.argv) > 3 else 60
SEED = int(os.environ.get("FLORIN_FUZZ_SEED", "20261122"))
ODD_REQUESTS = 3_000
SHOWN = 10


class Demo:
    """A demo in a folder of its own."""

    def __enter__(self):
        self.folder = tempfile.TemporaryDirectory()
        self.data = str(pathlib.Path(self.folder.name, "data"))
        arguments = [FLORIN, "--data", self.data, "--json", "demo"]
        self.process = subprocess.Popen(arguments, stdout=subprocess.PIPE, stdin=subprocess.DEVNULL, text=True)
        self.ready = json.loads(self.process.stdout.readline())
        return self

    def stop(self):
        self.process.send_signal(signal.SIGTERM)
        return self.process.wait(60)

    def __exit__(self, *_):
        self.process.kill()
        self.process.wait(60)
        self.folder.cleanup()

    def processes(self):
        """Those that run: none may have died and been started anew."""
        return {role: os.path.exists(f"/proc/{pid}") for role, pid in self.ready["processes"].items()}


def schemathesis(demo):
    """Every operation of the document, with values that fit and values that do not."""
    report = pathlib.Path(demo.folder.name, "report.json")
    # One worker: in Python 3.11 two threads that parse at once break each other (a fault of its `ast`).
    arguments = [
        SCHEMATHESIS, "run", demo.ready["http_api"] + "/openapi.json", "--header", f"Authorization: Bearer {demo.ready['secret_key']}",
        "--checks", "not_a_server_error,content_type_conformance", "--phases", "examples,coverage,fuzzing", "--max-examples", "25", "--seed", str(SEED),
        "--max-time", str(SECONDS), "--workers", "1", "--request-timeout", "60", "--no-shrink", "--warnings", "off",
        "--suppress-health-check", "all", "--report", "json", "--report-json-path", str(report), "--output-sanitize", "true",
    ]
    ended = subprocess.run(arguments, capture_output=True, text=True, timeout=SECONDS * 2 + 120, cwd=demo.folder.name)
    print(f"  seed {SEED}, {SECONDS} s")
    if ended.returncode:
        return ended.stdout.splitlines()[-60:] + ended.stderr.splitlines()[-10:]
    print("  " + "\n  ".join(line for line in ended.stdout.splitlines() if "passed" in line or "generated" in line))
    return []


class Odd:
    """Requests that no schema describes, from one seed."""

    def __init__(self, demo):
        self.random = random.Random(SEED)
        self.demo = demo
        self.routes = [(method, path) for tier, method, path in operations() if tier == "T1"]
        self.connection = None

    def text(self):
        pick = self.random
        return pick.choice([
            lambda: "",
            lambda: "0" * pick.choice([1, 20, 400]),
            lambda: str(pick.choice([-1, 0, 1, 2**31, 2**63, 2**64, 10**30])),
            lambda: pick.choice(["null", "true", "NaN", "Infinity", "1e999", "0x10", "1.5", "--", "' OR 1=1", "../../etc/passwd", "{}", "[]"]),
            lambda: "".join(chr(pick.choice([0, 9, 10, 13, 27, 0x7F, 0x85, 0x2028, 0xFFFD, 0x1F600])) for _ in range(pick.randint(1, 8))),
            lambda: "ж" * pick.choice([1, 41, 501, 6_000]),
            lambda: "pi_" + "".join(pick.choices("abcXYZ019_", k=pick.choice([1, 24, 300]))),
            lambda: pick.choice(["pm_card_visa", "tok_visa", "cus_1", "pi_x_secret_y", "eur", "whsec_1", "2020-08-27"]),
        ])()

    def name(self):
        pick = self.random
        known = ["amount", "currency", "customer", "payment_method", "metadata", "expand", "limit", "starting_after", "created", "card", "query", "email"]
        name = pick.choice([*known, self.text() or "x"])
        for _ in range(pick.choice([0, 0, 0, 1, 2, 4, 40])):
            name += pick.choice(["[]", "[0]", "[a]", "[", "]", "[number]", "[gte]", f"[{pick.choice(known)}]", "[99999999999]"])
        return name

    def form(self):
        pairs = [(self.name(), self.text()) for _ in range(self.random.choice([0, 1, 2, 5, 300]))]
        quote = self.random.choice([urllib.parse.quote_plus, lambda text: urllib.parse.quote(text, safe="[]"), lambda text: text])
        body = "&".join(f"{quote(name)}={quote(value)}" for name, value in pairs).encode("utf-8", "surrogatepass")
        return self.spoiled(body)

    def json(self):
        deep = self.random.choice([1, 3, 60, 3_000])
        value = self.random.choice([None, True, -1, 1.5, 10**40, self.text(), [], {}, [self.text()]])
        for _ in range(deep):
            value = {self.name(): value} if self.random.random() < 0.7 else [value]
            if deep > 100:
                return self.spoiled((b'{"a":' * deep) + b"1" + (b"}" * deep))
        return self.spoiled(json.dumps(value).encode())

    def spoiled(self, body):
        if self.random.random() < 0.3 and body:
            at = self.random.randrange(len(body))
            bad = self.random.choice([b"%", b"%zz", b"\xff\xfe", b"\x00", b"%00", b"&&==", b"\xed\xa0\x80", b'"'])
            body = body[:at] + bad + body[at + self.random.randint(0, 3):]
        return body

    def request(self):
        pick = self.random
        method, path = pick.choice(self.routes)
        method = pick.choice([method] * 8 + ["PUT", "PATCH", "HEAD", "OPTIONS"])
        while "{}" in path:
            path = path.replace("{}", urllib.parse.quote(self.text() or "x", safe=""), 1)
        kind = pick.choice(["application/x-www-form-urlencoded"] * 5 + ["application/json"] * 3 + ["text/plain", "multipart/form-data", "", "application/json; charset=utf-16"])
        body = self.json() if "json" in kind else self.form()
        if method in ("GET", "DELETE", "HEAD"):
            path += "?" + urllib.parse.quote(body[:4_000], safe="[]=&%+")
            body = b""
        headers = {"Content-Type": kind} if kind else {}
        headers["Authorization"] = pick.choice([f"Bearer {self.demo.ready['secret_key']}"] * 9 + ["Bearer", "Basic !!!", "Digest x", "Bearer " + "k" * 3_000])
        if pick.random() < 0.2:
            headers["Idempotency-Key"] = urllib.parse.quote(self.text())[:300]
        if pick.random() < 0.1:
            headers["Stripe-Version"] = pick.choice(["2020-08-27", "2026-10-28.endive", "tomorrow", "9999-99-99"])
        return method, path[:12_000], body, headers

    def ask(self, method, path, body, headers):
        address = urllib.parse.urlsplit(self.demo.ready["http_api"]).netloc
        for fresh in (False, True):
            if fresh or self.connection is None:
                self.connection = http.client.HTTPConnection(address, timeout=60)
            try:
                self.connection.request(method, path, body, headers)
                answer = self.connection.getresponse()
                return answer.status, answer.headers, answer.read()
            except (http.client.HTTPException, ConnectionError):
                self.connection.close()
        return None, {}, b""

    def run(self):
        faults = []
        for number in range(ODD_REQUESTS):
            method, path, body, headers = self.request()
            status, told, answer = self.ask(method, path, body, headers)
            where = f"request {number}: {method} {path.split('?')[0][:80]}"
            if status is None:
                faults.append(f"{where}: no answer")
                continue
            if status >= 500 and not (status == 505):
                faults.append(f"{where}: {status} {answer[:200]!r}")
            if not told.get("Request-Id"):
                faults.append(f"{where}: {status} without Request-Id")
            if status >= 400 and method != "HEAD":
                faults.extend(f"{where}: {status} {fault}" for fault in self.shape(status, answer))
        print(f"  seed {SEED}, {ODD_REQUESTS} requests")
        return faults

    @staticmethod
    def shape(status, answer):
        try:
            return problems(status, json.loads(answer))
        except ValueError:
            return [f"is no JSON: {answer[:80]!r}"]


def described(demo):
    """Nothing if the API describes itself."""
    with urllib.request.urlopen(demo.ready["http_api"] + "/openapi.json", timeout=30) as answer:
        document = json.load(answer)
    return [] if len(document.get("paths", {})) > 20 else ["/openapi.json has few paths"]


def alive(demo):
    return [f"{role} has died" for role, runs in demo.processes().items() if not runs]


def ledger(demo):
    demo.stop()
    ended = subprocess.run([FLORIN, "--data", demo.data, "--json", "verify"], capture_output=True, text=True, timeout=300)
    told = json.loads(ended.stdout or "{}")
    return [] if told.get("ok") else [ended.stdout[:500], ended.stderr[:500]]


def main():
    failed = 0
    checks = {"the_api_describes_itself": described, "odd_input": lambda demo: Odd(demo).run(), "schemathesis": schemathesis,
              "every_process_lives": alive, "the_ledger_adds_up": ledger}
    with Demo() as demo:
        for name, check in checks.items():
            try:
                faults = check(demo)
            except Exception as error:  # every check is reported
                faults = [f"{type(error).__name__}: {error}"]
            failed += bool(faults)
            print(f"test fuzz::{name} ... {'FAILED' if faults else 'ok'}")
            for fault in faults[:60 if name == "schemathesis" else SHOWN]:
                print(f"  {fault}")
    total = len(checks)
    print(f"test result: {'FAILED' if failed else 'ok'}. {total - failed} passed; {failed} failed; 0 ignored;")
    sys.exit(1 if failed else 0)


main()
