"""Every public address of a demo against Mozilla's "modern" TLS configuration, as sslyze sees it: versions, suites, groups, certificate. The
demo's own authority is given as a trusted one; nothing else is excepted. Usage: transport.py FLORIN SSLYZE
"""
import json
import pathlib
import signal
import subprocess
import sys
import tempfile

FLORIN, SSLYZE = sys.argv[1:3]
ADDRESSES = ("api", "card", "dashboard", "shop")


def main():
    failed = 0
    with tempfile.TemporaryDirectory() as folder:
        arguments = [FLORIN, "--data", str(pathlib.Path(folder, "data")), "--json", "demo"]
        demo = subprocess.Popen(arguments, stdout=subprocess.PIPE, stdin=subprocess.DEVNULL, text=True)
        try:
            ready = json.loads(demo.stdout.readline())
            for name in ADDRESSES:
                address = ready[name].removeprefix("https://")
                scan = [SSLYZE, "--mozilla_config=modern", f"--certinfo_ca_file={ready['ca_cert']}", address]
                told = subprocess.run(scan, capture_output=True, text=True, timeout=120)
                # The exit code alone would also be 0 for a server that could not be reached.
                fits = told.returncode == 0 and f"{address}: OK - Compliant." in told.stdout
                print(f"test transport::{name}_is_modern ... {'ok' if fits else 'FAILED'}")
                if not fits:
                    failed += 1
                    print(told.stdout[-3_000:], told.stderr[-1_000:])
        finally:
            demo.send_signal(signal.SIGTERM)
            demo.wait(60)
    print(f"test result: {'FAILED' if failed else 'ok'}. {len(ADDRESSES) - failed} passed; {failed} failed; 0 ignored;")
    sys.exit(1 if failed else 0)


main()
