"""Reads what an SDK's run recorded and holds every answer against the published shapes. Usage: answers.py NAME FILE

A line of the file is one answer: {"check", "method", "path", "public", "status", "headers", "body"}, a webhook that came:
{"check", "webhook", "body"}, or the end of a check that passed: {"check", "passed"}.
"""
import collections
import json
import sys

from shapes import operation, problems

# The version that the shapes are of; older ones have shapes of their own.
VERSION = "2026-10-28.endive"
SHOWN_FAULTS = 5
# The first digits of what runs of these tests type as cards. They never come back.
CARDS = ("42424242424242", "49291234", "54576238", "37424545")


def read(path):
    with open(path, encoding="utf-8") as lines:
        return [json.loads(line) for line in lines]


def main(name, path):
    lines = read(path)
    answers = [line for line in lines if "status" in line]
    by_operation = collections.defaultdict(list)
    loose, seen = [], collections.Counter()
    for answer in answers:
        told = f"{answer['method']} {answer['path'].split('?')[0]} -> {answer['status']}"
        headers = {key.lower(): value for key, value in answer["headers"].items()}
        seen[headers.get("request-id")] += 1
        loose.extend(f"{told}: no {header}" for header in ("request-id", "stripe-version") if not headers.get(header))
        if not headers.get("content-type", "").startswith("application/json"):
            loose.append(f"{told}: is no JSON")
        if answer["status"] >= 500:
            loose.append(f"{told}: is an error of the server")
        if any(card in json.dumps(answer["body"]) for card in CARDS):
            loose.append(f"{told}: a card number comes back")
        if headers.get("stripe-version") == VERSION:
            named = operation(answer["method"], answer["path"]) or "what is not published"
            faults = problems(answer["status"], answer["body"])
            # A browser's key is shown a thing without its private fields.
            by_operation[named].extend(f for f in faults if not (answer["public"] and f.endswith(": is absent")))
    for hook in (line for line in lines if "webhook" in line):
        by_operation["webhooks"].extend(problems(200, hook["body"]))
        if any(card in json.dumps(hook["body"]) for card in CARDS):
            loose.append("webhook: a card number comes back")
    loose.extend(f"{number} answers have the request id {request}" for request, number in seen.items() if number > 1)
    failed = 0
    for named, faults in [*sorted(by_operation.items()), ("headers, statuses and card numbers", loose)]:
        failed += bool(faults)
        print(f"test shapes::{name}: {named} ... {'FAILED' if faults else 'ok'}")
        for fault, times in collections.Counter(faults).most_common(SHOWN_FAULTS):
            print(f"  {times} x {fault}")
    if not answers:
        failed += 1
        print("no answer was recorded")
    total = len(by_operation) + 1
    print(f"{len(answers)} answers")
    print(f"test result: {'FAILED' if failed else 'ok'}. {total - failed} passed; {failed} failed; 0 ignored;")
    return failed


if __name__ == "__main__":
    sys.exit(1 if main(*sys.argv[1:]) else 0)
