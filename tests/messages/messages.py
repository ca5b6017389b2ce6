"""Mail and SMS to servers of others, exactly one message each; and the audit log as somebody outside sees it."""
import asyncio
import base64
import email
import hashlib
import http.server
import json
import logging
import os
import pathlib
import socket
import ssl
import subprocess
import sys
import tempfile
import threading
import time
import warnings

from aiosmtpd.smtp import SMTP, AuthResult

FLORIN, MODULES = sys.argv[1:3]
HERE = pathlib.Path(__file__).parent
# A command, or what one is waited for.
WITHIN_S = 180
CHECKS = []
# What breaks here breaks on purpose.
logging.getLogger("mail.log").setLevel(logging.CRITICAL)
warnings.simplefilter("ignore")


def check(f):
    CHECKS.append(f)
    return f


def free_port():
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


def wait(what, look):
    until = time.monotonic() + WITHIN_S
    while True:
        found = look()
        if found:
            return found
        assert time.monotonic() < until, f"waited for {what}"
        time.sleep(0.1)


class World:
    """A data folder, its keys and certificates made by a first demo."""

    def __init__(self, folder):
        self.folder = pathlib.Path(folder)
        self.data = self.folder / "data"

    def run(self, *arguments, **env):
        command = [FLORIN, *arguments, "--data", str(self.data), "--json"]
        return subprocess.run(command, env={**os.environ, **env}, capture_output=True, text=True, timeout=WITHIN_S)

    def florin(self, *arguments, code=0, **env):
        done = self.run(*arguments, **env)
        assert done.returncode == code, f"{arguments}: {done.returncode} {done.stdout} {done.stderr}"
        text = done.stdout if done.stdout.strip() else done.stderr
        return json.loads(text.strip().splitlines()[-1])

    def demo(self, **env):
        return Demo(self, env)

    def secret(self, name, text):
        path = self.folder / name
        path.write_text(text + "\n")
        path.chmod(0o600)
        return str(path)

    def certificates(self):
        """Those of the demo's own authority, for localhost."""
        if not (self.data / "tls" / "ca.pem").exists():
            with self.demo():
                pass
        tls = self.data / "tls"
        return tls / "ca.pem", tls / "api.pem", tls / "api.key"


class Demo:
    def __init__(self, world, env):
        self.world, self.env = world, env

    def __enter__(self):
        command = [FLORIN, "demo", "--data", str(self.world.data), "--json"]
        log = open(self.world.folder / "demo.log", "ab")
        self.process = subprocess.Popen(
            command, env={**os.environ, **self.env}, stdout=subprocess.PIPE, stderr=log, text=True
        )
        line = self.process.stdout.readline()
        assert line, (self.world.folder / "demo.log").read_text()
        self.ready = json.loads(line)
        threading.Thread(target=self.process.stdout.read, daemon=True).start()
        return self

    def __exit__(self, *_):
        self.process.terminate()
        self.process.wait(WITHIN_S)

    def kill_gateway(self):
        """With -9; the starter starts another."""
        pids = subprocess.run(["ps", "-o", "pid=,args=", "--ppid", str(self.process.pid)], capture_output=True, text=True)
        for line in pids.stdout.splitlines():
            pid, arguments = line.split(None, 1)
            if " gateway " in arguments + " ":
                os.kill(int(pid), 9)
                return
        raise AssertionError(f"no gateway among {pids.stdout}")


class Inbox:
    """A mail server of aiosmtpd: keeps what it took."""

    def __init__(self, tls=None, implicit=False, answer=None, user=None):
        self.mails, self.answer, self.user = [], answer, user
        self.tls, self.implicit = tls, implicit

    async def handle_DATA(self, server, session, envelope):
        answer = self.answer(len(self.mails)) if self.answer else None
        if answer != "451 later":
            self.mails.append((envelope.rcpt_tos, email.message_from_bytes(envelope.content), bool(session.ssl) or self.implicit))
        if answer == "lost":
            # It took the mail, and its answer is lost.
            server.transport.abort()
            return "250 never seen"
        return answer or "250 OK"

    def authenticate(self, server, session, envelope, mechanism, data):
        right = (data.login, data.password) == (b"florin", b"mail word")
        return AuthResult(success=right)

    def __enter__(self):
        context = None
        if self.tls:
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            context.load_cert_chain(*self.tls)
        options = {"authenticator": self.authenticate, "auth_required": True} if self.user else {}
        self.loop, self.port, listening = asyncio.new_event_loop(), free_port(), threading.Event()

        def factory():
            if self.implicit or not context:
                return SMTP(self, **options, auth_require_tls=False, loop=self.loop)
            return SMTP(self, tls_context=context, require_starttls=True, **options, loop=self.loop)

        async def listen():
            await self.loop.create_server(factory, "127.0.0.1", self.port, ssl=context if self.implicit else None)
            listening.set()

        def run():
            asyncio.set_event_loop(self.loop)
            self.loop.create_task(listen())
            self.loop.run_forever()

        threading.Thread(target=run, daemon=True).start()
        assert listening.wait(WITHIN_S)
        return self

    def __exit__(self, *_):
        self.loop.call_soon_threadsafe(self.loop.stop)


class Centre:
    """The message centre in smsc.js."""

    def __init__(self, mode="well", tls=None):
        self.mode, self.tls, self.port, self.messages = mode, tls, free_port(), []

    def __enter__(self):
        arguments = ["node", str(HERE / "smsc.js"), MODULES, str(self.port), self.mode, *map(str, self.tls or [])]
        self.process = subprocess.Popen(arguments, stdout=subprocess.PIPE, text=True)
        assert self.process.stdout.readline().strip() == "ready"
        threading.Thread(target=self.listen, daemon=True).start()
        return self

    def listen(self):
        for line in self.process.stdout:
            self.messages.append(json.loads(line))

    def __exit__(self, *_):
        self.process.kill()
        self.process.wait()


def mail(world, inbox, security="none", **more):
    env = {
        "FLORIN_MAIL_HOST": "localhost",
        "FLORIN_MAIL_PORT": str(inbox.port),
        "FLORIN_MAIL_SECURITY": security,
        "FLORIN_MAIL_FROM": "Florin <florin@pay.example>",
        **more,
    }
    if security != "none":
        env["FLORIN_MAIL_CA"] = str(world.certificates()[0])
    if inbox.user:
        env["FLORIN_MAIL_USER"] = "florin"
        env["FLORIN_MAIL_PASSWORD_FILE"] = world.secret("mail.password", "mail word")
    return env


def sms(world, centre, tls=False, password="secret08", **more):
    env = {
        "FLORIN_SMS_PROTOCOL": "smpp",
        "FLORIN_SMS_HOST": "localhost",
        "FLORIN_SMS_PORT": str(centre.port),
        "FLORIN_SMS_TLS": str(tls).lower(),
        "FLORIN_SMS_SYSTEM_ID": "florin",
        "FLORIN_SMS_PASSWORD_FILE": world.secret("sms.password", password),
        "FLORIN_SMS_FROM": "Florin",
        **more,
    }
    if tls:
        env["FLORIN_SMS_CA"] = str(world.certificates()[0])
    return env


TO = "ada@shop.example"
NUMBER = "+31612345678"


@check
def mail_arrives_once_over_tls_of_each_kind(world):
    _, cert, key = world.certificates()
    for security, implicit in [("starttls", False), ("tls", True)]:
        with Inbox(tls=(cert, key), implicit=implicit, user=True) as inbox, world.demo(**mail(world, inbox, security)):
            told = world.florin("notify", "test", "--mail", TO)
            assert told["status"] == "sent" and told["tries"] == 1, told
            [(to, message, over_tls)] = inbox.mails
            assert to == [TO] and over_tls and message["To"] == TO, (to, over_tls)
            assert message["From"] == "Florin <florin@pay.example>" and message["Auto-Submitted"] == "auto-generated"
            assert message["Message-ID"] == f"<{told['id']}@pay.example>", message["Message-ID"]
            assert "mail works" in message.get_payload(decode=True).decode()


@check
def a_mail_server_without_tls_or_of_a_stranger_gets_nothing(world):
    ca, cert, key = world.certificates()
    with Inbox() as inbox, world.demo(**mail(world, inbox, "starttls")):
        told = world.florin("notify", "test", "--mail", TO, code=1)
        assert (told["status"], told["reason"], inbox.mails) == ("failed", "no_connection", []), told
    with Inbox(tls=(cert, key)) as inbox:
        env = {**mail(world, inbox, "starttls")}
        del env["FLORIN_MAIL_CA"]
        with world.demo(**env):
            told = world.florin("notify", "test", "--mail", TO, code=1)
            assert (told["reason"], inbox.mails) == ("no_connection", []), told
    done = subprocess.run(
        [FLORIN, "demo", "--data", str(world.data), "--json"],
        env={**os.environ, "FLORIN_MAIL_HOST": "mail.example", "FLORIN_MAIL_SECURITY": "none", "FLORIN_MAIL_FROM": "a@b.example"},
        capture_output=True, text=True, timeout=WITHIN_S,
    )
    assert done.returncode != 0 and "mail.security" in done.stdout + done.stderr, done


@check
def what_the_server_says_is_believed(world):
    # Later means later, with the same Message-ID; no means no; no answer means that nobody knows.
    with Inbox(answer=lambda n: None) as inbox:
        tried = []

        def later(_):
            tried.append(1)
            return "451 later" if len(tried) < 3 else None

        inbox.answer = later
        with world.demo(**mail(world, inbox)):
            told = world.florin("notify", "test", "--mail", TO)
            assert (told["status"], told["tries"], len(inbox.mails)) == ("sent", 3, 1), told
            inbox.answer = lambda n: "550 no"
            told = world.florin("notify", "test", "--mail", TO, code=1)
            assert (told["status"], told["reason"]) == ("failed", "refused"), told
            inbox.mails.clear()
            inbox.answer = lambda n: "lost"
            told = world.florin("notify", "test", "--mail", TO, code=4)
            assert (told["status"], len(inbox.mails)) == ("unknown", 1), told


@check
def sms_arrive_once_over_smpp(world):
    _, cert, key = world.certificates()
    for tls in [None, (cert, key)]:
        with Centre(tls=tls) as centre, world.demo(**sms(world, centre, tls=bool(tls))):
            told = world.florin("notify", "test", "--sms", NUMBER)
            assert told["status"] == "sent", told
            [message] = wait("the SMS", lambda: centre.messages)
            assert (message["from"], message["to"], message["coding"]) == ("Florin", NUMBER[1:], 0), message
            assert message["text"] == "Florin: a test message. SMS work.", message


@check
def a_message_centre_is_believed(world):
    with Centre("silent") as centre, world.demo(**sms(world, centre)):
        told = world.florin("notify", "test", "--sms", NUMBER, code=4)
        assert (told["status"], len(centre.messages)) == ("unknown", 1), told
    with Centre() as centre, world.demo(**sms(world, centre, password="wrong")):
        told = world.florin("notify", "test", "--sms", NUMBER, code=1)
        assert (told["reason"], centre.messages) == ("not_signed_in", []), told


@check
def sms_arrive_once_over_http(world):
    got = []

    class Gateway(http.server.BaseHTTPRequestHandler):
        def do_POST(self):
            body = self.rfile.read(int(self.headers["content-length"]))
            got.append((self.path, self.headers["authorization"], self.headers["idempotency-key"], json.loads(body)))
            self.send_response(202)
            self.end_headers()

        def log_message(self, *_):
            pass

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Gateway)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    env = {
        "FLORIN_SMS_PROTOCOL": "http",
        "FLORIN_SMS_URL": f"http://127.0.0.1:{server.server_port}/send?v=1",
        "FLORIN_SMS_FORMAT": "json",
        "FLORIN_SMS_FIELDS": "recipient,originator,body",
        "FLORIN_SMS_FROM": "Florin",
        "FLORIN_SMS_SECRET_FILE": world.secret("sms.secret", "Bearer abc"),
    }
    with world.demo(**env):
        told = world.florin("notify", "test", "--sms", NUMBER)
        body = {"recipient": NUMBER, "originator": "Florin", "body": "Florin: a test message. SMS work."}
        assert got == [("/send?v=1", "Bearer abc", told["id"], body)], got
    server.shutdown()


@check
def a_killed_gateway_sends_nothing_twice(world):
    holding, release = threading.Event(), threading.Event()

    class Slow(Inbox):
        async def handle_DATA(self, server, session, envelope):
            self.mails.append(envelope.rcpt_tos)
            holding.set()
            # Until the gateway is dead.
            await asyncio.to_thread(release.wait, WITHIN_S)
            return "250 OK"

    with Slow() as inbox, world.demo(**mail(world, inbox)) as demo:
        asked = threading.Thread(target=lambda: world.run("notify", "test", "--mail", TO))
        asked.start()
        assert holding.wait(WITHIN_S)
        demo.kill_gateway()
        release.set()
        asked.join(WITHIN_S)
        # The next gateway is there, and sends what comes next.
        holding.clear()
        told = wait("the next gateway", lambda: (d := world.run("notify", "test", "--mail", "bob@shop.example")).returncode == 0 and d)
        assert json.loads(told.stdout)["status"] == "sent", told
        assert [to for to in inbox.mails] == [[TO], ["bob@shop.example"]], inbox.mails


def merkle(leaves):
    """RFC 9162 §2.1.1, by somebody else."""
    if len(leaves) == 1:
        return hashlib.sha256(b"\0" + leaves[0]).digest()
    k = 1
    while 2 * k < len(leaves):
        k *= 2
    return hashlib.sha256(b"\1" + merkle(leaves[:k]) + merkle(leaves[k:])).digest()


@check
def the_audit_log_is_listed_verified_and_proven(world):
    with world.demo():
        everything = lambda: world.florin("audit", "list", "--limit", "1000")["data"]
        # The demo's shop asks to be told of events as its first act; after that nobody does anything by themselves.
        wait("the shop's endpoint", lambda: any(e["action"] == "webhook_endpoint.make" for e in everything()))
        before = len(everything())
        world.florin("keys", "create", "--name", "till")
        entries = everything()
        assert len(entries) == before + 1, entries
        newest = entries[0]
        assert (newest["action"], newest["actor"], newest["outcome"]) == ("api_key.make", "local", "done"), newest
        assert [e["number"] for e in entries] == list(range(len(entries), 0, -1))
        assert world.florin("audit", "show", str(newest["number"]))["hash"] == newest["hash"]
        signed = world.florin("audit", "checkpoint")
        told = world.florin("audit", "verify")
        assert told["ok"] and told["checkpoints"] == 1 and told["entries"] == len(entries), told
        key = world.florin("audit", "key")["key"]
        proof = world.folder / "entry.tlog-proof"
        world.florin("audit", "prove", str(newest["number"]), "--to", str(proof))
    # Without the installation.
    stranger = World(world.folder / "elsewhere")
    told = stranger.florin("audit", "check-proof", str(proof), "--key", key)
    assert (told["ok"], told["number"], told["action"]) == (True, newest["number"], "api_key.make"), told
    lines = proof.read_text().splitlines()
    entry = base64.b64decode(lines[1].split(" ")[1])
    lines[1] = "extra " + base64.b64encode(entry[:-1] + bytes([entry[-1] ^ 1])).decode()
    forged = world.folder / "forged"
    forged.write_text("\n".join(lines) + "\n")
    assert stranger.florin("audit", "check-proof", str(forged), "--key", key, code=1)["ok"] is False
    # Nothing runs: the same from the folder alone. Every root is RFC 9162's, computed here.
    leaves = []
    for number in range(1, len(entries) + 1):
        text = world.florin("audit", "prove", str(number))["proof"]
        leaves.append(base64.b64decode(text.splitlines()[1].split(" ")[1]))
    size, root = signed["checkpoint"].splitlines()[1:3]
    assert int(size) == len(leaves) and base64.b64encode(merkle(leaves)).decode() == root
    assert world.florin("audit", "verify")["ok"]


@check
def a_log_that_was_cut_off_is_found_by_its_checkpoint(world):
    with world.demo():
        world.florin("keys", "create", "--name", "till")
    old = world.folder / "old"
    subprocess.run(["cp", "-a", str(world.data / "gateway"), str(old)], check=True)
    with world.demo():
        world.florin("keys", "create", "--name", "stolen")
        size = int(world.florin("audit", "checkpoint")["size"])
    assert world.florin("audit", "verify")["ok"]
    # Yesterday's database in the place of today's: it is sound in itself.
    subprocess.run(["rm", "-r", str(world.data / "gateway")], check=True)
    subprocess.run(["cp", "-a", str(old), str(world.data / "gateway")], check=True)
    told = world.florin("audit", "verify", code=1)
    assert not told["ok"] and told["first_bad_entry"] == size, told
    assert f"a checkpoint was signed over {size} entries" in told["problems"][0], told


@check
def checkpoints_go_out_by_mail(world):
    with Inbox() as inbox:
        env = mail(world, inbox, FLORIN_AUDIT_CHECKPOINT_MAIL="auditor@bank.example", FLORIN_AUDIT_CHECKPOINT_ENTRIES="1")
        with world.demo(**env):
            wait("the mail", lambda: inbox.mails)
            to, message, _ = inbox.mails[0]
            text = message.get_payload(decode=True).decode()
            assert to == ["auditor@bank.example"] and "\u2014 florin/audit/" in text, text
            # The mail as it was kept is a file of checkpoints.
            kept = world.folder / "mail.txt"
            kept.write_text("\n".join(line.strip() for line in text.splitlines()))
            told = world.florin("audit", "verify", "--checkpoints", str(kept))
            assert told["ok"] and told["checkpoints"] >= 2, told


def main():
    failed = 0
    wanted = sys.argv[3:]
    chosen = [f for f in CHECKS if not wanted or any(w in f.__name__ for w in wanted)]
    for f in chosen:
        error = None
        with tempfile.TemporaryDirectory() as folder:
            try:
                f(World(folder))
            except Exception as e:  # every check is reported
                error = f"{type(e).__name__}: {e}"
        failed += bool(error)
        print(f"test messages::{f.__name__} ... {'FAILED' if error else 'ok'}" + (f"\n  {error}" if error else ""), flush=True)
    print(f"test result: {'FAILED' if failed else 'ok'}. {len(chosen) - failed} passed; {failed} failed; 0 ignored;")
    sys.exit(1 if failed else 0)


main()
