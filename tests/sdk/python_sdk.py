"""The official Python SDK against a running demo: what merchants do, with whole answers checked where they decide."""
import http.server
import json
import pathlib
import signal
import subprocess
import sys
import tempfile
import threading
import time

import stripe

from record import Client, Record

FLORIN = sys.argv[1]
RECORD = Record(sys.argv[2])
CARD = {"number": "4242424242424242", "exp_month": 12, "exp_year": 2034, "cvc": "123"}
RETURN = "https://shop.example/back"
CHECKS = []
ORDERS = pathlib.Path(__file__).parents[2].joinpath("docs", "orders.md").read_text()


def check(f):
    CHECKS.append(f)
    return f


class Demo:
    """A demo in a folder of its own."""

    def __enter__(self):
        self.folder = tempfile.TemporaryDirectory()
        self.data = pathlib.Path(self.folder.name, "data")
        arguments = [FLORIN, "--data", str(self.data), "--json", "demo"]
        self.process = subprocess.Popen(arguments, stdout=subprocess.PIPE, stdin=subprocess.DEVNULL, text=True)
        self.ready = json.loads(self.process.stdout.readline())
        return self

    def __exit__(self, *_):
        self.process.send_signal(signal.SIGTERM)
        self.process.wait(60)
        self.folder.cleanup()

    def client(self, key="secret_key"):
        base = {"api": self.ready["http_api"]}
        http = Client(RECORD)
        return stripe.StripeClient(self.ready[key], base_addresses=base, max_network_retries=0, http_client=http).v1


def refused(kind, call):
    """The error that a call ends with."""
    try:
        call()
    except stripe.StripeError as error:
        assert isinstance(error, kind), f"{type(error).__name__}: {error}"
        return error
    raise AssertionError("was not refused")


def paid(v1, **more):
    fields = {"amount": 1999, "currency": "eur", "payment_method": "pm_card_visa", "confirm": True, "return_url": RETURN}
    return v1.payment_intents.create({**fields, **more})


@check
def a_card_pays(v1, _):
    intent = paid(v1, description="two tickets", metadata={"order": "6735"})
    assert (intent.status, intent.amount_received, intent.currency) == ("succeeded", 1999, "eur")
    assert intent.metadata["order"] == "6735" and intent.latest_charge.startswith("ch_")
    charge = v1.charges.retrieve(intent.latest_charge)
    card = charge.payment_method_details.card
    assert (charge.paid, charge.captured, card.brand, card.last4) == (True, True, "visa", "4242")
    assert charge.outcome.type == "authorized" and charge.outcome.network_status == "approved_by_network"


@check
def a_typed_card_pays_and_never_comes_back(v1, _):
    method = v1.payment_methods.create({"type": "card", "card": CARD})
    assert (method.card.last4, method.card.exp_year, method.customer) == ("4242", 2034, None)
    intent = paid(v1, payment_method=method.id)
    assert intent.status == "succeeded"
    assert CARD["number"] not in str(v1.payment_intents.retrieve(intent.id, {"expand": ["latest_charge"]}))
    refused(stripe.InvalidRequestError, lambda: paid(v1, payment_method=method.id))


@check
def issuers_refuse(v1, _):
    for name, code, decline in [
        ("pm_card_chargeDeclined", "card_declined", "generic_decline"),
        ("pm_card_chargeDeclinedInsufficientFunds", "card_declined", "insufficient_funds"),
        ("pm_card_chargeDeclinedLostCard", "card_declined", "lost_card"),
        ("pm_card_chargeDeclinedExpiredCard", "expired_card", None),
        ("pm_card_chargeDeclinedProcessingError", "processing_error", None),
    ]:
        error = refused(stripe.CardError, lambda: paid(v1, payment_method=name))
        assert (error.http_status, error.code) == (402, code), f"{name}: {error.http_status} {error.code}"
        assert decline is None or error.error.decline_code == decline, f"{name}: {error.error.decline_code}"
        intent = v1.payment_intents.retrieve(error.error.payment_intent["id"])
        assert (intent.status, intent.payment_method) == ("requires_payment_method", None)
        assert intent.last_payment_error.code == code


@check
def card_entry_errors(v1, _):
    for change, code in [
        ({"number": "4242424242424241"}, "incorrect_number"),
        ({"exp_month": 13}, "invalid_expiry_month"),
        ({"exp_year": 1999}, "invalid_expiry_year"),
        ({"cvc": "99"}, "invalid_cvc"),
    ]:
        create = {"type": "card", "card": {**CARD, **change}}
        error = refused(stripe.CardError, lambda: v1.payment_methods.create(create))
        assert (error.http_status, error.code) == (402, code), f"{change}: {error.code}"


@check
def holds_are_captured_and_released(v1, _):
    intent = paid(v1, amount=5000, capture_method="manual")
    assert (intent.status, intent.amount_capturable) == ("requires_capture", 5000)
    refused(stripe.InvalidRequestError, lambda: v1.payment_intents.capture(intent.id, {"amount_to_capture": 5001}))
    taken = v1.payment_intents.capture(intent.id, {"amount_to_capture": 3000})
    assert (taken.status, taken.amount_received, taken.amount_capturable) == ("succeeded", 3000, 0)
    held = paid(v1, capture_method="manual")
    gone = v1.payment_intents.cancel(held.id, {"cancellation_reason": "abandoned"})
    assert (gone.status, gone.cancellation_reason) == ("canceled", "abandoned")
    error = refused(stripe.InvalidRequestError, lambda: v1.payment_intents.capture(held.id))
    assert error.code == "payment_intent_unexpected_state"


@check
def refunds_never_exceed(v1, _):
    intent = paid(v1)
    first = v1.refunds.create({"payment_intent": intent.id, "amount": 500})
    assert (first.status, first.amount, first.currency) == ("succeeded", 500, "eur")
    refused(stripe.InvalidRequestError, lambda: v1.refunds.create({"payment_intent": intent.id, "amount": 1500}))
    assert v1.refunds.create({"charge": intent.latest_charge}).amount == 1499
    error = refused(stripe.InvalidRequestError, lambda: v1.refunds.create({"payment_intent": intent.id}))
    assert error.code == "charge_already_refunded"
    charge = v1.charges.retrieve(intent.latest_charge)
    assert (charge.refunded, charge.amount_refunded) == (True, 1999)


@check
def races_refund_once(v1, _):
    intent = paid(v1)
    outcomes = []

    def race():
        try:
            outcomes.append(v1.refunds.create({"payment_intent": intent.id, "amount": 700}).amount)
        except stripe.StripeError as error:
            assert error.http_status in (400, 409), error.http_status

    racers = [threading.Thread(target=race) for _ in range(16)]
    [racer.start() for racer in racers]
    [racer.join() for racer in racers]
    assert sum(outcomes) == 1400, outcomes


@check
def the_same_key_pays_once(v1, _):
    fields = {"amount": 700, "currency": "usd", "payment_method": "pm_card_visa", "confirm": True, "return_url": RETURN}
    first = v1.payment_intents.create(fields, {"idempotency_key": "order-1"})
    again = v1.payment_intents.create(fields, {"idempotency_key": "order-1"})
    assert first.id == again.id and first.latest_charge == again.latest_charge
    other = {**fields, "amount": 701}
    refused(stripe.IdempotencyError, lambda: v1.payment_intents.create(other, {"idempotency_key": "order-1"}))


@check
def customers_keep_cards(v1, _):
    customer = v1.customers.create({"email": "ada@example.com", "name": "Ada", "metadata": {"k": "v", "l": "w"}})
    method = v1.payment_methods.create({"type": "card", "card": CARD})
    assert v1.payment_methods.attach(method.id, {"customer": customer.id}).customer == customer.id
    intent = paid(v1, customer=customer.id, payment_method=method.id, off_session=True)
    assert (intent.status, intent.customer) == ("succeeded", customer.id)
    again = paid(v1, customer=customer.id, payment_method=method.id)
    assert again.status == "succeeded"
    changed = v1.customers.update(customer.id, {"metadata": {"k": ""}})
    assert changed.metadata.to_dict() == {"l": "w"}
    assert [m.id for m in v1.customers.payment_methods.list(customer.id).data] == [method.id]
    assert v1.customers.delete(customer.id).deleted is True


@check
def lists_page_without_gaps(v1, _):
    made = [v1.payment_intents.create({"amount": 100 + n, "currency": "gbp"}).id for n in range(7)]
    seen = [p.id for p in v1.payment_intents.list({"limit": 3}).auto_paging_iter()]
    assert seen[:7] == made[::-1] and len(seen) == len(set(seen))
    error = refused(stripe.InvalidRequestError, lambda: v1.payment_intents.list({"limit": 101}))
    assert error.param == "limit"


@check
def bad_input_names_its_field(v1, _):
    for fields, code, param in [
        ({"currency": "eur"}, "parameter_missing", "amount"),
        ({"amount": 100}, "parameter_missing", "currency"),
        ({"amount": "x", "currency": "eur"}, "parameter_invalid_integer", "amount"),
        ({"amount": 100, "currency": "eur", "amonut": 1}, "parameter_unknown", "amonut"),
        ({"amount": 10, "currency": "usd"}, "amount_too_small", "amount"),
    ]:
        error = refused(stripe.InvalidRequestError, lambda: v1.payment_intents.create(fields))
        assert (error.http_status, error.code, error.param) == (400, code, param), f"{fields}: {error.code} {error.param}"
    error = refused(stripe.InvalidRequestError, lambda: v1.payment_intents.retrieve("pi_4242424242424242"))
    assert "4242424242424242" not in str(error), "the number comes back"
    assert error.http_status in (400, 404), f"{error.http_status} {error.code}"
    error = refused(stripe.InvalidRequestError, lambda: v1.customers.create({"name": "Card " + CARD["number"]}))
    assert CARD["number"] not in str(error), "the number comes back"
    assert error.code == "card_number_in_field", error.code


@check
def a_publishable_key_may_do_little(v1, demo):
    public = demo.client("publishable_key")
    assert public.payment_methods.create({"type": "card", "card": CARD}).card.last4 == "4242"
    intent = v1.payment_intents.create({"amount": 300, "currency": "eur"})
    assert public.payment_intents.retrieve(intent.id, {"client_secret": intent.client_secret}).id == intent.id
    refused(stripe.StripeError, lambda: public.payment_intents.retrieve(intent.id))
    refused(stripe.StripeError, lambda: public.refunds.create({"payment_intent": intent.id}))


@check
def replays_stay_what_was_sent(v1, _):
    customer = v1.customers.create({"name": "before"})
    fields = {"amount": 800, "currency": "eur", "customer": customer.id, "expand": ["customer"]}
    first = v1.payment_intents.create(fields, {"idempotency_key": "expanded-1"})
    v1.customers.update(customer.id, {"name": "after"})
    again = v1.payment_intents.create(fields, {"idempotency_key": "expanded-1"})
    assert (first.customer.name, again.customer.name, again.id) == ("before", "before", first.id)
    refused(stripe.InvalidRequestError, lambda: v1.payment_intents.retrieve(first.id, {"expand": ["customer.foo"]}))


@check
def a_confirmation_token_pays_once(v1, _):
    token = v1.test_helpers.confirmation_tokens.create({"payment_method": "pm_card_visa", "return_url": RETURN})
    assert (token.payment_method_preview.card.last4, token.payment_intent) == ("4242", None)
    fields = {"amount": 900, "currency": "eur", "confirm": True, "confirmation_token": token.id}
    intent = v1.payment_intents.create(fields)
    assert intent.status == "succeeded"
    assert v1.confirmation_tokens.retrieve(token.id).payment_intent == intent.id
    refused(stripe.InvalidRequestError, lambda: v1.payment_intents.create(fields))


@check
def searches_find_and_refuse(v1, _):
    customer = v1.customers.create({"email": "search@example.com", "metadata": {"found": "by this"}})
    paid(v1, customer=customer.id, metadata={"order": "search-1"})
    for resource, query in [
        (v1.customers, "email:'search@example.com'"),
        (v1.customers, "metadata['found']:'by this' AND -name:'Bea'"),
        (v1.payment_intents, "metadata['order']:'search-1' AND amount>1000"),
        (v1.charges, f"customer:'{customer.id}' AND status:'succeeded'"),
    ]:
        found = resource.search({"query": query, "expand": ["total_count"]})
        assert (len(found.data), found.has_more, found.total_count) == (1, False, 1), query
    for query in ["email:", "height:'2'", "email>'a'", "email:'a' AND name:'b' OR name:'c'"]:
        error = refused(stripe.InvalidRequestError, lambda: v1.customers.search({"query": query}))
        assert error.param == "query", query


@check
def prices_never_change(v1, _):
    product = v1.products.create({"name": "Chair", "default_price_data": {"currency": "eur", "unit_amount": 1500}})
    price = v1.prices.create({
        "product": product.id, "currency": "eur", "unit_amount_decimal": "0.5", "lookup_key": "half",
        "recurring": {"interval": "month", "interval_count": 3},
    })
    assert (price.unit_amount, str(price.unit_amount_decimal), price.recurring.interval_count) == (None, "0.5", 3)
    refused(stripe.InvalidRequestError, lambda: v1.prices.update(price.id, {"unit_amount": 1}))
    taken = {"product": product.id, "currency": "eur", "unit_amount": 1, "lookup_key": "half"}
    refused(stripe.InvalidRequestError, lambda: v1.prices.create(taken))
    other = v1.prices.create({**taken, "transfer_lookup_key": True})
    assert [p.id for p in v1.prices.list({"lookup_keys": ["half"]}).data] == [other.id]
    refused(stripe.InvalidRequestError, lambda: v1.prices.update(product.default_price, {"active": False}))
    refused(stripe.InvalidRequestError, lambda: v1.products.delete(product.id))


@check
def unknown_and_wrong_parameters_are_refused_everywhere(v1, _):
    for call in [v1.charges.list, v1.customers.list, v1.payment_intents.list, v1.refunds.list, v1.products.list, v1.prices.list]:
        for fields, param in [({"foo": 1}, "foo"), ({"limit": 0}, "limit"), ({"starting_after": "x_1"}, "starting_after")]:
            error = refused(stripe.InvalidRequestError, lambda: call(fields))
            assert error.param == param, f"{fields}: {error.param}"
    for fields, param in [
        ({"shipping": {"name": "A"}}, "shipping[address]"),
        ({"automatic_payment_methods": {"enabled": "maybe"}}, "automatic_payment_methods[enabled]"),
        ({"payment_method_data": {"card": {"token": "tok_visa"}}}, "payment_method_data[type]"),
        ({"application_fee_amount": 1}, "application_fee_amount"),
        ({"excluded_payment_method_types": ["card"]}, "excluded_payment_method_types"),
    ]:
        create = {"amount": 100, "currency": "eur", **fields}
        error = refused(stripe.InvalidRequestError, lambda: v1.payment_intents.create(create))
        assert error.param == param, f"{fields}: {error.param}"


@check
def events_tell_of_it(v1, _):
    intent = paid(v1)
    until = time.monotonic() + 10
    types = []
    # Events get their numbers a moment after their commit.
    while "payment_intent.succeeded" not in types and time.monotonic() < until:
        types = [e.type for e in v1.events.list({"limit": 100}).data if e.data.object["id"] == intent.id]
    assert {"payment_intent.created", "payment_intent.succeeded"} <= set(types), types


class Receiver:
    """A merchant's server that keeps what it gets."""

    def __enter__(self):
        self.got = got = []

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self):
                got.append((self.headers["stripe-signature"], self.rfile.read(int(self.headers["content-length"]))))
                self.send_response(200)
                self.send_header("content-length", "0")
                self.end_headers()

            def log_message(self, *_):
                pass

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        threading.Thread(target=self.server.serve_forever, daemon=True).start()
        return self

    def __exit__(self, *_):
        self.server.shutdown()

    def events(self, kind, secret, wanted):
        """So many events of this type, verified by the SDK."""
        until = time.monotonic() + 60
        while time.monotonic() < until:
            verified = [stripe.Webhook.construct_event(body, signature, secret) for signature, body in list(self.got)]
            found = [event for event in verified if event.type == kind]
            if len(found) >= wanted:
                return found
            time.sleep(0.05)
        raise AssertionError(f"{kind} did not come")


@check
def webhooks_are_signed_for_the_sdk(v1, _):
    with Receiver() as receiver:
        url = f"http://127.0.0.1:{receiver.server.server_address[1]}/hook"
        endpoint = v1.webhook_endpoints.create({"url": url, "enabled_events": ["charge.succeeded"]})
        intent = paid(v1)
        event = receiver.events("charge.succeeded", endpoint.secret, 1)[0]
        assert (event.data.object.payment_intent, event.data.object.amount) == (intent.id, 1999)
        assert event.request.id.startswith("req_") and event.request.idempotency_key
        assert v1.events.retrieve(event.id).data.object.id == event.data.object.id
        refused(stripe.SignatureVerificationError,
                lambda: stripe.Webhook.construct_event(receiver.got[0][1] + b" ", receiver.got[0][0], endpoint.secret))
        refused(stripe.SignatureVerificationError,
                lambda: stripe.Webhook.construct_event(receiver.got[0][1], receiver.got[0][0], endpoint.secret + "x"))
        v1.webhook_endpoints.delete(endpoint.id)


@check
def requests_are_signed_as_the_page_says(_, demo):
    def florin(*arguments):
        ran = subprocess.run([FLORIN, "--data", str(demo.data), "--json", *arguments], capture_output=True, text=True)
        assert ran.returncode == 0, ran.stderr
        return json.loads(ran.stdout)

    made = florin("keys", "create")
    secret = florin("keys", "set", made["id"], "--signing", "hmac", "--require-signature", "true")["secret"]
    here = {"KEY": made["key"], "KEY_ID": made["id"], "SECRET": secret, "API": demo.ready["http_api"]}
    for language in ("python", "python-sdk"):
        exec(ORDERS.split(f"```{language}\n")[1].split("\n```")[0], here)
    signed = paid(here["client"].v1, description="signed")
    assert here["client"].v1.payment_intents.retrieve(signed.id).status == "succeeded"
    assert [one.id for one in here["client"].v1.payment_intents.list({"limit": 1}).data] == [signed.id]
    plain = stripe.StripeClient(made["key"], base_addresses={"api": demo.ready["http_api"]}, max_network_retries=0).v1
    assert refused(stripe.AuthenticationError, lambda: paid(plain)).json_body["error"]["code"] == "signature_required"


def leaks(demo):
    """The typed card number in any file of the demo."""
    number = CARD["number"].encode()
    files = [p for p in demo.data.rglob("*") if p.is_file()]
    assert len(files) > 5
    return [str(p.name) for p in files if number in p.read_bytes()]


def main():
    failed = 0
    with Demo() as demo:
        v1 = demo.client()
        for f in CHECKS:
            RECORD.check = f.__name__
            try:
                f(v1, demo)
                print(f"test python_sdk::{f.__name__} ... ok")
                RECORD.write(passed=True)
            except Exception as error:  # every check is reported
                failed += 1
                print(f"test python_sdk::{f.__name__} ... FAILED\n  {type(error).__name__}: {error}")
        found = leaks(demo)
    print(f"test python_sdk::no_card_number_on_disk ... {'FAILED ' + str(found) if found else 'ok'}")
    failed += bool(found)
    total = len(CHECKS) + 1
    print(f"test result: {'FAILED' if failed else 'ok'}. {total - failed} passed; {failed} failed; 0 ignored;")
    sys.exit(1 if failed else 0)


main()
