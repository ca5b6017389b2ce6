"""deny.toml holds for the packages of Cargo.lock, and refuses what is planted: a licence, a source, a banned package, a wildcard, a known hole.

Usage: rules.py CARGO_DENY [ADVISORIES]
Without a copy of the RustSec database a small one of its own shows that known holes are found; what is known of our packages is then not asked.
"""

import hashlib
import json
import pathlib
import subprocess
import sys
import tempfile

ROOT = pathlib.Path(__file__).resolve().parents[2]
LIMIT_SECONDS = 300
# How cargo-deny names the folder of the public database.
DATABASE = "advisory-db-3157b0e258782691"
HOLE = "RUSTSEC-2020-0071"
ADVISORY = f"""```toml
[advisory]
id = "{HOLE}"
package = "time"
date = "2020-11-18"
[versions]
patched = [">= 0.2.23"]
```

# A planted hole

It is found by its version.
"""


def run(*command, cwd):
    done = subprocess.run(
        [str(part) for part in command],
        cwd=cwd,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=LIMIT_SECONDS,
    )
    return done.returncode, done.stdout


def must(*command, cwd):
    code, said = run(*command, cwd=cwd)
    if code != 0:
        raise SystemExit(f"{command[0]} failed: {said}")


def git(*command, cwd):
    must("git", "-c", "user.name=a", "-c", "user.email=a@example.com", *command, cwd=cwd)


def deny(tool, folder, rules, checks, *, offline):
    """Exit code and output of cargo-deny, with these rules."""
    command = [tool, "--color", "never", "--locked", "--config", rules]
    if offline:
        command.append("--offline")
    return run(*command, "check", "--hide-inclusion-graph", *checks, cwd=folder)


def rules_with(database, place):
    """The repository's rules, with known holes out of a folder."""
    text = (ROOT / "deny.toml").read_text()
    mark = "[advisories]\n"
    if text.count(mark) != 1 or 'yanked = "deny"\n' not in text:
        raise SystemExit("deny.toml is not as expected")
    # Whether a version was taken back is asked of the registry, not of a copy.
    text = text.replace('yanked = "deny"\n', "")
    text = text.replace(mark, f"{mark}db-path = {json.dumps(str(database))}\ndisable-yank-checking = true\n")
    path = place / "deny.toml"
    path.write_text(text)
    return path


def database(source, place):
    """A folder as cargo-deny wants it, out of a checkout or a bundle; or one with a planted hole."""
    folder = place / DATABASE
    if source:
        must("git", "-c", "advice.detachedHead=false", "clone", "--quiet", source, folder, cwd=place)
    else:
        hole = folder / "crates" / "time" / f"{HOLE}.md"
        hole.parent.mkdir(parents=True)
        hole.write_text(ADVISORY)
        git("init", "--quiet", cwd=folder)
        git("add", ".", cwd=folder)
        git("commit", "--quiet", "--message", "a", cwd=folder)
    (folder / ".git" / "FETCH_HEAD").touch()
    return place


def manifest(name, version, licence, dependency=""):
    return (
        f'[package]\nname = "{name}"\nversion = "{version}"\nedition = "2021"\npublish = false\n'
        f'license = "{licence}"\n[dependencies]\n{dependency}\n'
    )


def package(folder, text):
    (folder / "src").mkdir(parents=True)
    (folder / "src" / "lib.rs").write_text("")
    (folder / "Cargo.toml").write_text(text)


def planted(place, case, dependency, stub):
    """A project with one dependency; `stub` is served in the registry's place, so that nothing is fetched."""
    project, shelf = place / case, place / f"{case}-shelf"
    package(project, manifest("planted", "1.0.0", "Apache-2.0", dependency))
    shelf.mkdir()
    if stub:
        name, version, licence = stub
        package(shelf / name, manifest(name, version, licence))
        checksum = {"files": {}, "package": hashlib.sha256(name.encode()).hexdigest()}
        (shelf / name / ".cargo-checksum.json").write_text(json.dumps(checksum))
    settings = project / ".cargo"
    settings.mkdir()
    (settings / "config.toml").write_text(
        f'[source.crates-io]\nreplace-with = "shelf"\n[source.shelf]\ndirectory = {json.dumps(str(shelf))}\n'
    )
    must("cargo", "generate-lockfile", "--quiet", cwd=project)
    return project


def repository(place):
    """A package in a git repository."""
    folder = place / "elsewhere"
    package(folder, manifest("elsewhere", "1.0.0", "MIT"))
    git("init", "--quiet", cwd=folder)
    git("add", ".", cwd=folder)
    git("commit", "--quiet", "--message", "a", cwd=folder)
    return folder


def cases(place):
    elsewhere = f'elsewhere = {{ git = "file://{repository(place)}" }}'
    return [
        # name, dependency, what the registry holds, the check, what is said; None: nothing is refused
        ("a_usual_package_passes", 'kept = "1"', ("kept", "1.0.0", "MIT"), "all", None),
        ("a_banned_package_is_refused", 'openssl = "1"', ("openssl", "1.0.0", "MIT"), "bans", "openssl"),
        ("a_licence_that_binds_users_is_refused", 'bound = "1"', ("bound", "1.0.0", "GPL-3.0-only"), "licenses", "GPL-3.0"),
        ("any_version_at_all_is_refused", 'loose = "*"', ("loose", "1.0.0", "MIT"), "bans", "wildcard"),
        ("a_source_that_is_no_registry_is_refused", elsewhere, None, "sources", "source-not-allowed"),
        ("a_known_hole_is_refused", 'time = "=0.1.43"', ("time", "0.1.43", "MIT"), "advisories", HOLE),
    ]


def main():
    tool, advisories = sys.argv[1], sys.argv[2] if len(sys.argv) > 2 else None
    failed = passed = 0

    def one(name, right, said):
        nonlocal failed, passed
        print(f"test {name} ... {'ok' if right else 'FAILED'}", flush=True)
        if right:
            passed += 1
        else:
            failed += 1
            print(said, flush=True)

    with tempfile.TemporaryDirectory(prefix="florin-rules-") as made:
        place = pathlib.Path(made)
        (place / "db").mkdir()
        rules = rules_with(database(advisories, place / "db"), place)
        code, said = deny(tool, ROOT, ROOT / "deny.toml", ["licenses", "bans", "sources"], offline=False)
        one("packages_keep_the_rules", code == 0, said)
        if advisories:
            code, said = deny(tool, ROOT, rules, ["advisories"], offline=True)
            one("packages_have_no_known_hole", code == 0, said)
        for case, dependency, stub, check, expected in cases(place):
            code, said = deny(tool, planted(place, case, dependency, stub), rules, [check], offline=True)
            one(case, code == 0 if expected is None else code != 0 and expected in said, said)
    print(f"test result: {'ok' if failed == 0 else 'FAILED'}. {passed} passed; {failed} failed; 0 ignored", flush=True)
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
