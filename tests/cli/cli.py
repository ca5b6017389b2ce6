"""The official command line against a running demo: it asks, triggers, listens, forwards, watches requests and sends events again."""
import hashlib
import hmac
import http.server
import json
import os
import pathlib
import queue
import signal
import subprocess
import sys
import tempfile
import threading
import time

FLORIN, STRIPE = sys.argv[1:3]
# A command, or what one is waited for.
WITHIN_S = 30
# The fixtures that need nothing but what Florin offers.
TRIGGERS = [
    "charge.captured",
    "charge.failed",
    "charge.refunded",
    "charge.succeeded",
    "customer.created",
    "customer.deleted",
    "customer.updated",
    "payment_intent.amount_capturable_updated",
    "payment_intent.canceled",
    "payment_intent.created",
    "payment_intent.payment_failed",
    "payment_intent.succeeded",
    "payment_method.attached",
    "payment_method.detached",
    "price.created",
    "price.updated",
    "product.created",
    "product.deleted",
    "product.updated",
    "setup_intent.canceled",
    "setup_intent.created",
    "setup_intent.succeeded",
]
CHECKS = []


def check(f):
    CHECKS.append(f)
    return f


class Demo:
    """A demo in a folder of its own, and a command line that knows it."""

    def __enter__(self):
        self.folder = tempfile.TemporaryDirectory()
        self.data = pathlib.Path(self.folder.name, "data")
        arguments = [FLORIN, "--data", str(self.data), "--json", "demo"]
        self.process = subprocess.Popen(arguments, stdout=subprocess.PIPE, stdin=subprocess.DEVNULL, text=True)
        self.ready = json.loads(self.process.stdout.readline())
        self.environment = {"PATH": os.environ["PATH"], "HOME": self.folder.name, "STRIPE_CLI_TELEMETRY_OPTOUT": "1"}
        self.flags = ["--api-base", self.ready["http_api"], "--api-key", self.ready["secret_key"], "--color", "off"]
        return self

    def __exit__(self, *_):
        self.process.send_signal(signal.SIGTERM)
        self.process.wait(60)
        self.folder.cleanup()

    def stripe(self, *words):
        ran = subprocess.run([STRIPE, *words, *self.flags], env=self.environment, capture_output=True, text=True,
                             timeout=WITHIN_S, stdin=subprocess.DEVNULL)
        assert ran.returncode == 0, f"{' '.join(words)}: {ran.stdout} {ran.stderr}"
        return ran.stdout

    def asked(self, *words):
        return json.loads(self.stripe(*words))

    def follow(self, *words):
        return Following([STRIPE, *words, *self.flags], self.environment)


class Following:
    """A command that runs until it is stopped, and what it prints."""

    def __init__(self, arguments, environment):
        self.process = subprocess.Popen(arguments, env=environment, stdin=subprocess.DEVNULL, text=True,
                                        stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
        self.lines = queue.Queue()
        self.said = []
        threading.Thread(target=self.read, daemon=True).start()

    def read(self):
        for line in self.process.stdout:
            self.lines.put(line.rstrip())

    def until(self, found):
        """The first line that is looked for."""
        end = time.monotonic() + WITHIN_S
        while time.monotonic() < end:
            try:
                line = self.lines.get(timeout=1)
            except queue.Empty:
                continue
            self.said.append(line)
            if found(line):
                return line
        raise AssertionError(f"it never said so: {self.said}")

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.process.send_signal(signal.SIGTERM)
        self.process.wait(WITHIN_S)


class Shop:
    """The merchant's endpoint: takes what is forwarded and checks that it is signed with the listener's secret."""

    def __init__(self, secret):
        self.secret, self.events, self.bad = secret, queue.Queue(), []
        shop = self

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_POST(self):
                body = self.rfile.read(int(self.headers["Content-Length"]))
                shop.take(self.headers["Stripe-Signature"], body)
                self.send_response(200)
                self.send_header("Content-Length", "2")
                self.end_headers()
                self.wfile.write(b"ok")

            def log_message(self, *_):
                pass

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_port}/hook"
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def take(self, header, body):
        parts = dict(part.split("=", 1) for part in header.split(","))
        expected = hmac.new(self.secret.encode(), parts["t"].encode() + b"." + body, hashlib.sha256).hexdigest()
        fresh = abs(time.time() - int(parts["t"])) < 300
        if parts["v1"] != expected or not fresh:
            self.bad.append(header)
        self.events.put(json.loads(body))

    def until(self, wanted):
        end = time.monotonic() + WITHIN_S
        seen = []
        while time.monotonic() < end:
            try:
                event = self.events.get(timeout=1)
            except queue.Empty:
                continue
            seen.append((event["type"], event["data"]["object"].get("id")))
            if wanted(event):
                return event
        raise AssertionError(f"it never came: {seen}")


@check
def commands_ask_and_change(demo):
    intent = demo.asked("payment_intents", "create", "--amount=1999", "--currency=eur", "--payment-method=pm_card_visa",
                        "-d", "confirm=true", "-d", "return_url=https://shop.example/back", "-d", "metadata[order]=6735")
    assert (intent["status"], intent["amount_received"], intent["metadata"]["order"]) == ("succeeded", 1999, "6735")
    again = demo.asked("get", f"/v1/payment_intents/{intent['id']}", "--expand", "latest_charge")
    assert again["latest_charge"]["paid"] is True
    assert demo.asked("payment_intents", "list", "--limit=1")["data"][0]["id"] == intent["id"]
    refund = demo.asked("post", "/v1/refunds", "-d", f"payment_intent={intent['id']}", "-d", "amount=500")
    assert (refund["status"], refund["amount"]) == ("succeeded", 500)
    declined = demo.asked("payment_intents", "create", "--amount=1999", "--currency=eur", "-d", "confirm=true",
                          "--payment-method=pm_card_visa_chargeDeclined", "-d", "return_url=https://shop.example/back")
    assert declined["error"]["decline_code"] == "generic_decline", declined
    assert "No such" in demo.asked("get", "/v1/customers/cus_none")["error"]["message"]


@check
def an_event_reaches_the_shop_signed_and_once_more_on_demand(demo):
    secret = demo.stripe("listen", "--print-secret").strip()
    assert secret.startswith("whsec_")
    shop = Shop(secret)
    with demo.follow("listen", "--forward-to", shop.url, "--all-snapshot", "--skip-update") as listener:
        ready = listener.until(lambda line: "Ready!" in line)
        assert secret in ready, ready
        customer = demo.asked("customers", "create", "--name=Ana")
        event = shop.until(lambda e: e["type"] == "customer.created" and e["data"]["object"]["id"] == customer["id"])
        listener.until(lambda line: "<--" in line and "[200] POST" in line and event["id"] in line)
        assert event == {**demo.asked("events", "retrieve", event["id"]), "pending_webhooks": event["pending_webhooks"]}
        resent = demo.asked("events", "resend", event["id"])
        assert resent["id"] == event["id"]
        assert shop.until(lambda e: e["id"] == event["id"])["data"] == event["data"]
        assert shop.bad == []


@check
def nobody_listens(demo):
    event = demo.asked("events", "list", "--limit=1")["data"][0]
    refused = demo.asked("events", "resend", event["id"])
    assert refused["error"]["param"] == "for_stripecli", refused


@check
def requests_are_watched(demo):
    with demo.follow("logs", "tail", "--format", "JSON", "--filter-http-method", "POST") as tail:
        tail.until(lambda line: "Ready!" in line)
        demo.asked("get", "/v1/balance")
        customer = demo.asked("customers", "create", "--name=Bea")
        line = json.loads(tail.until(lambda line: line.startswith("{")))
        assert (line["method"], line["url"], line["status"]) == ("POST", "/v1/customers", 200), line
        assert line["request_id"].startswith("req_") and line["livemode"] is False
        demo.asked("post", f"/v1/customers/{customer['id']}", "-d", "email=nonsense")
        line = json.loads(tail.until(lambda line: line.startswith("{")))
        assert (line["status"], line["error"]["param"]) == (400, "email"), line


@check
def listeners_survive_a_restart(demo):
    shop = Shop(demo.stripe("listen", "--print-secret").strip())
    with demo.follow("listen", "--forward-to", shop.url, "--all-snapshot", "--skip-update") as listener:
        listener.until(lambda line: "Ready!" in line)
        subprocess.run([FLORIN, "--data", str(demo.data), "--json", "restart"], check=True, capture_output=True)
        # It connects again by itself; what happens meanwhile is the business of `after_sequence`.
        end = time.monotonic() + WITHIN_S
        while time.monotonic() < end:
            customer = demo.asked("customers", "create", "--name=Cem")
            try:
                shop.events.get(timeout=2)
                break
            except queue.Empty:
                continue
        else:
            raise AssertionError(f"nothing came after the restart: {listener.said}")
        assert customer["id"].startswith("cus_") and shop.bad == []


def fixtures(demo):
    """Each fixture brings about the event that it is named after."""
    results = []
    shop = Shop(demo.stripe("listen", "--print-secret").strip())
    with demo.follow("listen", "--forward-to", shop.url, "--all-snapshot", "--skip-update") as listener:
        listener.until(lambda line: "Ready!" in line)
        for name in sys.argv[3:] or TRIGGERS:
            try:
                said = demo.stripe("trigger", name)
                assert "Trigger succeeded!" in said, said
                shop.until(lambda e: e["type"] == name)
                results.append((name, None))
            except Exception as error:  # every fixture is reported
                results.append((name, f"{type(error).__name__}: {error}"))
    return results


def main():
    failed = total = 0

    def report(name, error):
        nonlocal failed, total
        total += 1
        failed += bool(error)
        print(f"test stripe_cli::{name} ... {'FAILED' if error else 'ok'}" + (f"\n  {error}" if error else ""), flush=True)

    with Demo() as demo:
        for f in CHECKS if len(sys.argv) == 3 else []:
            try:
                f(demo)
                report(f.__name__, None)
            except Exception as error:  # every check is reported
                report(f.__name__, f"{type(error).__name__}: {error}")
        for name, error in fixtures(demo):
            report(f"trigger::{name}", error)
    print(f"test result: {'FAILED' if failed else 'ok'}. {total - failed} passed; {failed} failed; 0 ignored;")
    sys.exit(1 if failed else 0)


main()
