"""The checker itself: what it lets pass and what it finds."""
import copy
import sys

from shapes import operation, problems

REFUND = {
    "id": "re_1", "object": "refund", "amount": 500, "balance_transaction": None, "charge": "ch_1", "created": 1, "currency": "eur",
    "customer": None, "customer_account": None, "metadata": {}, "payment_intent": None, "payment_method": None, "reason": None, "receipt_number": None,
    "source_transfer_reversal": None, "status": "succeeded", "transfer_reversal": None,
}
ABSENT = object()
# What is changed in a refund -> what is found.
REFUNDS = [
    ({}, []),
    ({"amount": ABSENT}, ["/refund/amount: is absent"]),
    ({"amount": None}, ["/refund/amount: is null"]),
    ({"amount": "500"}, ['/refund/amount: "500" is of another type than n']),
    ({"amount": True}, ["/refund/amount: true is of another type than n"]),
    ({"reason": "bored"}, ['/refund/reason: "bored" is no known word']),
    ({"colour": "red"}, ["/refund/colour: is unknown"]),
    ({"metadata": {"a": 1}}, ["/refund/metadata/a: 1 is of another type than s"]),
    ({"charge": {"object": "refund"}}, ['/refund/charge: {"object": "refund"} is of another type than s']),
    ({"description": "may be absent"}, []),
    ({"object": "rebate"}, [': {"id": "re_1", "object": "rebate"']),
]
ANSWERS = [
    (200, {"object": "list", "data": [REFUND], "has_more": False, "url": "/v1/refunds"}, []),
    (200, {"object": "list", "data": [REFUND], "has_more": 0, "url": "/v1/refunds"}, ["/has_more: is no bool"]),
    (200, {"object": "list", "data": {}}, ["/data: is no list"]),
    (200, [], ["the body is no object"]),
    (402, {"error": {"type": "card_error", "message": "m", "code": "card_declined"}}, []),
    (402, {"error": {"type": "sad", "message": "m"}}, ["error/type: 'sad' is none of the API's"]),
    (400, {"message": "m"}, ["error: is absent"]),
    (400, {"error": {"type": "api_error", "param": 1}}, ["error/param: is no text", "error/message: is absent"]),
]
CALLS = [
    ("GET", "/v1/customers/search?query=x", "GET /v1/customers/search"),
    ("GET", "/v1/customers/cus_1", "GET /v1/customers/{}"),
    ("POST", "/v1/payment_intents/pi_1/confirm", "POST /v1/payment_intents/{}/confirm"),
    ("GET", "/v1/nothing", None),
]


def cases():
    for change, expected in REFUNDS:
        refund = {name: value for name, value in {**copy.deepcopy(REFUND), **change}.items() if value is not ABSENT}
        found = problems(200, refund)
        yield f"refund with {change}", len(found) == len(expected) and all(f.startswith(e) for f, e in zip(found, expected)), found
    for status, body, expected in ANSWERS:
        found = problems(status, body)
        yield f"{status} {str(body)[:60]}", found == expected, found
    for method, path, expected in CALLS:
        yield path, operation(method, path) == expected, operation(method, path)


def main():
    wrong = [(name, found) for name, fits, found in cases() if not fits]
    for name, found in wrong:
        print(f"  {name}: {found}")
    print(f"test shapes::the_checker_finds_what_is_wrong ... {'FAILED' if wrong else 'ok'}")
    print(f"test result: {'FAILED' if wrong else 'ok'}. {0 if wrong else 1} passed; {1 if wrong else 0} failed; 0 ignored;")
    return 1 if wrong else 0


sys.exit(main())
