"""Backups in S3-compatible storage and in the age format, as others read them: a round trip, every refusal, servers that die."""
import http.client
import http.server
import json
import os
import pathlib
import socket
import sqlite3
import subprocess
import sys
import tempfile
import threading
import time
import urllib.parse

import pyrage
from botocore.auth import S3SigV4QueryAuth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials

FLORIN, S3RVER = sys.argv[1:3]
# A command, or what one is waited for.
WITHIN_S = 120
BUCKET = "florin-backups"
KEYS = {"AWS_ACCESS_KEY_ID": "S3RVER", "AWS_SECRET_ACCESS_KEY": "S3RVER"}
# The first bytes of a zstd frame (RFC 8878 §3.1.1).
ZSTD = bytes([0x28, 0xB5, 0x2F, 0xFD])
CHECKS = []


def check(f):
    CHECKS.append(f)
    return f


def free_port():
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


class Storage:
    """A server that speaks S3, with one bucket."""

    def __init__(self, folder, tls=None):
        self.folder, self.port, self.tls = str(folder), free_port(), tls
        self.process = None

    def __enter__(self):
        arguments = ["node", S3RVER, "-s", "-d", self.folder, "-a", "127.0.0.1", "-p", str(self.port), "--no-vhost-buckets"]
        if self.tls:
            arguments += ["--key", str(self.tls[0]), "--cert", str(self.tls[1])]
        self.process = subprocess.Popen([*arguments, "--configure-bucket", BUCKET], stdout=subprocess.DEVNULL)
        until = time.monotonic() + WITHIN_S
        while True:
            try:
                socket.create_connection(("127.0.0.1", self.port), 1).close()
                return self
            except OSError:
                assert self.process.poll() is None and time.monotonic() < until, "the storage does not start"
                time.sleep(0.1)

    def __exit__(self, *_):
        self.process.kill()
        self.process.wait()

    @property
    def url(self):
        return f"{'https://localhost' if self.tls else 'http://127.0.0.1'}:{self.port}"


class Cutting:
    """A line to the storage that breaks after so many bytes of one direction; `lines` says how many lines do before all is well."""

    def __init__(self, port, up=None, down=None, lines=1_000_000):
        self.to, self.budgets, self.lines = port, (up, down), lines
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.url = f"http://127.0.0.1:{self.listener.getsockname()[1]}"
        self.cut = 0

    def __enter__(self):
        threading.Thread(target=self.accept, daemon=True).start()
        return self

    def __exit__(self, *_):
        self.listener.close()

    def accept(self):
        while True:
            try:
                near, _ = self.listener.accept()
            except OSError:
                return
            far = socket.create_connection(("127.0.0.1", self.to))
            for one, other, budget in ((near, far, self.budgets[0]), (far, near, self.budgets[1])):
                threading.Thread(target=self.carry, args=(one, other, budget), daemon=True).start()

    def carry(self, one, other, budget):
        carried = 0
        try:
            while data := one.recv(65_536):
                if budget is not None and self.cut < self.lines and carried + len(data) > budget:
                    self.cut += 1
                    other.sendall(data[: budget - carried])
                    break
                other.sendall(data)
                carried += len(data)
        except OSError:
            pass
        for end in (one, other):
            try:
                end.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass


class Checking(http.server.BaseHTTPRequestHandler):
    """In front of the storage, which believes every signature: adds up each one anew, with Amazon's own library."""

    protocol_version = "HTTP/1.1"

    def handle_any(self):
        body = self.rfile.read(int(self.headers.get("content-length", 0)))
        self.server.seen += 1
        status, text, headers = (403, b"<Error><Code>SignatureDoesNotMatch</Code></Error>", {})
        if self.is_signed():
            far = http.client.HTTPConnection("127.0.0.1", self.server.storage)
            far.request(self.command, self.path, body, dict(self.headers.items()))
            answer = far.getresponse()
            status, text, headers = answer.status, answer.read(), dict(answer.getheaders())
        self.send_response(status)
        length = headers.get("Content-Length", str(len(text))) if self.command == "HEAD" else str(len(text))
        self.send_header("Content-Length", length)
        for name in ("ETag", "Content-Range"):
            if name in headers:
                self.send_header(name, headers[name])
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(text)

    do_GET = do_PUT = do_POST = do_DELETE = do_HEAD = handle_any

    def is_signed(self):
        path, _, query = self.path.partition("?")
        told = [pair.split("=", 1) for pair in query.split("&")]
        given = dict(told)
        names = urllib.parse.unquote(given["X-Amz-SignedHeaders"]).split(";")
        if "host" not in names:
            return False
        rest = "&".join("=".join(pair) for pair in told if pair[0] != "X-Amz-Signature")
        url = f"http://{self.headers['host']}{path}?{rest}"
        request = AWSRequest(self.command, url, {name: self.headers[name] for name in names})
        request.context["timestamp"] = given["X-Amz-Date"]
        auth = S3SigV4QueryAuth(Credentials("S3RVER", "S3RVER"), "s3", "us-east-1")
        expected = auth.signature(auth.string_to_sign(request, auth.canonical_request(request)), request)
        return expected == given["X-Amz-Signature"]

    def log_message(self, *_):
        pass


class Checked:
    def __init__(self, port):
        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Checking)
        self.server.storage, self.server.seen = port, 0
        self.url = f"http://127.0.0.1:{self.server.server_address[1]}"

    def __enter__(self):
        threading.Thread(target=self.server.serve_forever, daemon=True).start()
        return self

    def __exit__(self, *_):
        self.server.shutdown()
        self.server.server_close()


class World:
    """A data folder with a payment in it, an identity, and commands on both."""

    def __init__(self, folder):
        self.folder = pathlib.Path(folder)
        self.data = self.folder / "data"
        self.identity = self.folder / "identity"
        self.recipient = self.florin("backup", "keygen", "--to", self.identity)["recipient"]
        self.pay()

    def run(self, *args, data=None, **env):
        clean = {name: value for name, value in os.environ.items() if not name.startswith(("AWS_", "FLORIN_"))}
        command = [FLORIN, "--json", "--data", str(data or self.data), *map(str, args)]
        told = subprocess.run(
            command, env=clean | env, capture_output=True, text=True, timeout=WITHIN_S, cwd=self.folder, stdin=subprocess.DEVNULL
        )
        return told

    def florin(self, *args, **more):
        told = self.run(*args, **more)
        assert told.returncode == 0, f"{args}: {told.stderr}"
        return json.loads(told.stdout)

    def refused(self, *args, **more):
        told = self.run(*args, **more)
        assert told.returncode in (1, 2) and told.stdout == "", f"{args}: {told.stdout} {told.stderr}"
        error = json.loads(told.stderr.splitlines()[-1])["error"]
        assert len(error["message"]) > 20 and "S3RVER" not in error["message"], error
        return error["code"]

    def pay(self):
        return self.florin("pay", "12.34", "eur")["id"]

    def create(self, place, **env):
        return self.florin("backup", "create", "--place", place, "--recipient", self.recipient, **env)

    def ids(self, place, **env):
        return [one["id"] for one in self.florin("backup", "list", "--place", place, **env)["data"]]

    def opening(self, place):
        return ["--place", place, "--identity", self.identity]


def s3(url, **more):
    return KEYS | {"FLORIN_BACKUP_S3_ENDPOINT": url} | more


PLACE = f"s3://{BUCKET}/of/one-shop"


@check
def the_age_program_opens_what_we_write(world):
    place = world.folder / "age"
    made = world.create(place)
    identity = pyrage.x25519.Identity.from_str(world.identity.read_text().splitlines()[-1])
    plain = pyrage.decrypt((place / f"{made['id']}.age").read_bytes(), [identity])
    assert plain[:4] == ZSTD, plain[:4]
    words = world.folder / "words"
    words.write_text("correct horse battery staple\n")
    words.chmod(0o600)
    made = world.florin("backup", "create", "--whole", "--place", world.folder / "words-only", "--passphrase-file", words)
    file = (world.folder / "words-only" / f"{made['id']}.age").read_bytes()
    assert pyrage.passphrase.decrypt(file, "correct horse battery staple")[:4] == ZSTD


@check
def backups_go_to_storage_and_come_back(world):
    with Storage(world.folder / "s3") as storage, Checked(storage.port) as checked:
        env = s3(checked.url)
        first = world.create(PLACE, **env)
        paid = world.pay()
        second = world.create(PLACE, **env)
        assert first["whole"] and second["base"] == first["id"], second
        assert world.ids(PLACE, **env) == [second["id"], first["id"]]
        assert world.ids(f"s3://{BUCKET}/of/one", **env) == [], "a prefix is a folder"
        tried = world.florin("backup", "verify", *world.opening(PLACE), **env)
        assert tried["ok"] and tried["id"] == second["id"], tried
        into = world.folder / "back"
        keys = world.data / "keys"
        world.florin("backup", "restore", *world.opening(PLACE), "--into", into, "--keys", keys, **env)
        (into / "gateway" / "restored.json").unlink()
        assert world.florin("show", paid, data=into)["status"] == "succeeded"
        credentials = world.folder / "credentials"
        credentials.write_text("[default]\naws_access_key_id = S3RVER\naws_secret_access_key = S3RVER\n")
        credentials.chmod(0o600)
        settings = {"FLORIN_BACKUP_S3_ENDPOINT": checked.url, "FLORIN_BACKUP_S3_CREDENTIALS": str(credentials)}
        assert len(world.ids(PLACE, **settings)) == 2
        assert checked.server.seen > 10


@check
def storage_is_named_when_it_refuses(world):
    with Storage(world.folder / "s3") as storage, Checked(storage.port) as checked:
        env = s3(checked.url)
        create = ["backup", "create", "--recipient", world.recipient, "--place"]
        wrong = {"AWS_SECRET_ACCESS_KEY": "another"}
        for expected, place, settings in [
            ("s3_denied", PLACE, env | wrong),
            ("s3_denied", PLACE, env | {"AWS_ACCESS_KEY_ID": "nobody"}),
            ("s3_no_credentials", PLACE, env | {"AWS_SECRET_ACCESS_KEY": ""}),
            ("s3_no_bucket", "s3://nothing-here/x", env),
            ("bad_place", "s3://B/x", env),
            ("bad_place", f"s3://{BUCKET}/a b", env),
            ("invalid_setting", PLACE, s3("http://storage.example.com")),
            ("s3_unreachable", PLACE, s3(f"http://127.0.0.1:{free_port()}")),
        ]:
            assert (got := world.refused(*create, place, **settings)) == expected, (expected, got)
        missing = "20261122T064512123Z-1f2e3d4c-whole"
        assert world.refused("backup", "verify", missing, *world.opening(PLACE), **env) == "backup_not_found"


@check
def tls_is_verified(world):
    tls = world.data / "tls"
    with Storage(world.folder / "s3", (tls / "acquirer.key", tls / "acquirer.pem")) as storage:
        create = ["backup", "create", "--recipient", world.recipient, "--place", PLACE]
        assert world.refused(*create, **s3(storage.url)) == "s3_unreachable"
        env = s3(storage.url, FLORIN_BACKUP_S3_CA=str(tls / "ca.pem"))
        assert world.florin(*create, **env)["id"] in world.ids(PLACE, **env)


def grow(world, megabytes):
    """More than parts of 16 MiB hold, in a database whose rows nobody reads."""
    shop = world.data / "shop" / "shop.db"
    if not shop.exists():
        sqlite3.connect(shop).executescript("PRAGMA journal_mode = wal; CREATE TABLE t(b BLOB)")
        shop.chmod(0o600)
    with sqlite3.connect(shop) as db:
        db.execute("CREATE TABLE IF NOT EXISTS big(b BLOB)")
        db.executemany("INSERT INTO big VALUES (?)", [(os.urandom(1 << 20),) for _ in range(megabytes)])
    db.close()


@check
def big_objects_go_in_parts(world):
    grow(world, 40)
    with Storage(world.folder / "s3") as storage:
        env = s3(storage.url)
        made = world.florin("backup", "create", "--whole", "--recipient", world.recipient, "--place", PLACE, **env)
        assert made["bytes"] > 40 << 20, made
        assert world.florin("backup", "verify", *world.opening(PLACE), **env)["ok"]
        # Answers break off in the middle: what is missing is asked for, not all of it again.
        with Cutting(storage.port, down=3 << 20, lines=4) as line:
            assert world.florin("backup", "verify", *world.opening(PLACE), **s3(line.url))["ok"]
            assert line.cut == 4, line.cut


@check
def a_server_that_dies_leaves_nothing_half(world):
    grow(world, 40)
    with Storage(world.folder / "s3") as storage:
        env = s3(storage.url)
        before = world.ids(PLACE, **env)
        create = ["backup", "create", "--whole", "--recipient", world.recipient, "--place", PLACE]
        for up in (0, 1_000, 5 << 20, 15 << 20):
            with Cutting(storage.port, up=up) as line:
                assert world.refused(*create, **s3(line.url)) == "s3_unreachable"
            assert world.ids(PLACE, **env) == before, up
        doctor = json.loads(world.run("doctor").stdout)
        told = next(c for c in doctor["checks"] if c["name"] == "backups")
        assert not told["ok"] and "s3_unreachable" in told["says"], told
        # One broken line is nobody's business.
        with Cutting(storage.port, up=5 << 20, lines=1) as line:
            made = world.florin(*create, **s3(line.url))
            assert line.cut == 1
        assert world.ids(PLACE, **env) == [made["id"], *before]
        assert world.florin("backup", "verify", *world.opening(PLACE), **env)["ok"]


def main():
    failed = 0
    for f in CHECKS:
        error = None
        with tempfile.TemporaryDirectory() as folder:
            try:
                f(World(folder))
            except Exception as e:  # every check is reported
                error = f"{type(e).__name__}: {e}"
        failed += bool(error)
        print(f"test backup::{f.__name__} ... {'FAILED' if error else 'ok'}" + (f"\n  {error}" if error else ""), flush=True)
    print(f"test result: {'FAILED' if failed else 'ok'}. {len(CHECKS) - failed} passed; {failed} failed; 0 ignored;")
    sys.exit(1 if failed else 0)


main()
