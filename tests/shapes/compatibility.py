"""Makes docs/compatibility.md out of what the SDKs' runs proved. Usage: compatibility.py PROOFS [--write]

An operation works when a check that passed called it through an official SDK and got an answer of the published shape. It is partial
when it works and `partial.tsv` says what is missing, or when it is offered and no check has proved it. Without `--write` the page that
is committed is compared with the one that would be made.
"""
import collections
import json
import pathlib
import re
import sys

from shapes import FOLDER, operation, operations, problems

ROOT = FOLDER.parent.parent
PAGE = ROOT / "docs" / "compatibility.md"
SDKS = ("python", "node")
# More operations than these are told by resource, with how many.
NAMED_WHOLE = 30
TIERS = {"T1": "What nearly every integration uses", "T2": "What many integrations use"}


def proved(proofs):
    """Operation -> SDK -> the first check that proved it."""
    found = collections.defaultdict(dict)
    for sdk in SDKS:
        lines = [json.loads(line) for line in (proofs / f"{sdk}.ndjson").read_text(encoding="utf-8").splitlines()]
        passed = {line["check"] for line in lines if line.get("passed")}
        for line in lines:
            if line["check"] not in passed or not 200 <= line.get("status", 0) < 300:
                continue
            named = operation(line["method"], line["path"])
            if named and sdk not in found[named] and (line["public"] or not problems(line["status"], line["body"])):
                found[named][sdk] = line["check"]
    return {named: by for named, by in found.items() if by}


def offered():
    """The routes that the API has."""
    table = (ROOT / "crates/api/src/router.rs").read_text(encoding="utf-8")
    return {f"{method} {path}" for method, path in re.findall(r'\b(GET|POST|DELETE) "(/v1/[^"]*)"', table)}


def missing():
    lines = (FOLDER / "partial.tsv").read_text(encoding="utf-8").splitlines()
    return dict(line.split("\t") for line in lines if line and not line.startswith("#"))


def versions():
    requirements = (ROOT / "tests/sdk/requirements.txt").read_text(encoding="utf-8")
    package = json.loads((ROOT / "tests/node/package.json").read_text(encoding="utf-8"))
    return re.search(r"^stripe==(\S+)$", requirements, re.MULTILINE)[1], package["dependencies"]["stripe"]


class Judge:
    def __init__(self, proofs):
        self.proofs, self.routes, self.lacks = proved(proofs), offered(), missing()

    def of(self, named):
        """(state, what stands beside it)."""
        if named not in self.routes:
            return "not offered", ""
        by, lacks = self.proofs.get(named), self.lacks.get(named)
        if not by:
            return "partial", lacks or "no check of an SDK proves it yet"
        names = ", ".join(f"{sdk} `{check}`" for sdk, check in by.items())
        return ("partial", f"{lacks} ({names})") if lacks else ("works", names)


def page(judge):
    known = [(tier, f"{method} {path}") for tier, method, path in operations()]
    states = {named: judge.of(named) for _, named in known}
    python, node = versions()
    out = [
        "# What works of Stripe's API",
        "",
        "Made by `cargo xtask compat` out of what the official SDKs did against a running demo; do not edit. *Works*: a check that passed",
        "called the operation through an unmodified SDK, and the answer had the published shape. *Partial*: it works but for what stands",
        "beside it, or no check has proved it. *Not offered*: answered with 404 and a clear code; in brackets how many operations.",
        "",
        f"SDKs: Python `stripe` {python}, Node `stripe` {node}; shapes of API version 2026-10-28.endive.",
        "",
        "| | works | partial | not offered |",
        "| --- | --- | --- | --- |",
    ]
    for tier, title in TIERS.items():
        count = collections.Counter(states[named][0] for t, named in known if t == tier)
        out.append(f"| {title} | {count['works']} | {count['partial']} | {count['not offered']} |")
    for tier, title in TIERS.items():
        there = [named for t, named in known if t == tier and states[named][0] != "not offered"]
        out += ["", f"## {title}"]
        out += ["", "| operation | | proved by |", "| --- | --- | --- |"] if there else []
        out += [f"| `{named}` | {states[named][0]} | {states[named][1]} |" for named in sorted(there, key=by_path)]
        absent = [named for t, named in known if t == tier and states[named][0] == "not offered"]
        if absent:
            count = collections.Counter(resource(named) for named in absent)
            short = [f"`{name}` ({n})" for name, n in sorted(count.items())]
            whole = [f"`{named}`" for named in sorted(absent, key=by_path)]
            out += ["", "Not offered: " + ", ".join(whole if len(whole) <= NAMED_WHOLE else short) + "."]
    rest = [named for t, named in known if t not in TIERS and states[named][0] != "not offered"]
    out += ["", "## The rest of Stripe's API", ""]
    out.append("Offered: " + ", ".join(f"`{named}`" for named in sorted(rest, key=by_path)) + "." if rest else "Nothing of it is offered.")
    own = judge.routes - {named for _, named in known}
    if own:
        out += ["", "## Beyond it", "", "Florin's own: " + ", ".join(f"`{named}`" for named in sorted(own, key=by_path)) + "."]
    return "\n".join(out) + "\n"


def resource(named):
    """`/v1/checkout/sessions` of `POST /v1/checkout/sessions/{}/expire`."""
    parts = named.split(" ")[1].split("/")[1:]
    spaces = ("billing_portal", "checkout", "radar", "reporting", "sigma", "test_helpers")
    return "/" + "/".join(parts[: 3 if parts[1] in spaces else 2])


def by_path(named):
    method, path = named.split(" ")
    return path, method


def main():
    proofs = pathlib.Path(sys.argv[1])
    absent = [sdk for sdk in SDKS if not (proofs / f"{sdk}.ndjson").is_file()]
    if absent:
        print(f"no run of the SDKs for {', '.join(absent)}: run the stages sdk and node first", file=sys.stderr)
        return 1
    judge = Judge(proofs)
    made = page(judge)
    if "--write" in sys.argv:
        PAGE.parent.mkdir(exist_ok=True)
        PAGE.write_text(made, encoding="utf-8")
        print(f"{PAGE.relative_to(ROOT)} is written")
        return 0
    old = PAGE.read_text(encoding="utf-8") if PAGE.is_file() else ""
    stray = sorted(set(judge.lacks) - judge.routes)
    same = made == old
    print(f"test compatibility::the_page_is_what_the_tests_prove ... {'ok' if same else 'FAILED'}")
    if not same:
        print("  docs/compatibility.md is out of date: run `cargo xtask compat`")
        fresh, stale = set(made.splitlines()) - set(old.splitlines()), set(old.splitlines()) - set(made.splitlines())
        for line in [*(f"  - {line}" for line in sorted(stale)[:8]), *(f"  + {line}" for line in sorted(fresh)[:8])]:
            print(line)
    print(f"test compatibility::what_is_partial_is_offered ... {'FAILED' if stray else 'ok'}")
    failed = int(not same) + bool(stray)
    for named in stray:
        print(f"  partial.tsv names {named}, which is not offered")
    print(f"test result: {'FAILED' if failed else 'ok'}. {2 - failed} passed; {failed} failed; 0 ignored;")
    return 1 if failed else 0


sys.exit(main())
