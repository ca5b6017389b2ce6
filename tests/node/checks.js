// What the Node SDK is asked to do. Each function is one test; it gets the SDK's class, a client with the secret key and one with the
// publishable key.
"use strict";
const assert = require("node:assert/strict");
const http = require("node:http");

const CARD = { number: "4242424242424242", exp_month: 12, exp_year: 2034, cvc: "123" };
const RETURN = "https://shop.example/back";

const paid = (stripe, more = {}, options = undefined) =>
  stripe.paymentIntents.create(
    { amount: 1999, currency: "eur", payment_method: "pm_card_visa", confirm: true, return_url: RETURN, ...more },
    options,
  );

/** The error that a call ends with, which must be of this class of the SDK. */
async function refused(kind, call) {
  try {
    await call();
  } catch (error) {
    assert.equal(error.constructor.name, kind, `${error.constructor.name}: ${error.message}`);
    return error;
  }
  throw new Error(`was not refused with ${kind}`);
}

const some = (thing, names) => Object.fromEntries(names.map((name) => [name, thing[name]]));

async function aCardPays({ stripe }) {
  const intent = await paid(stripe, { description: "two tickets", metadata: { order: "6735" }, expand: ["latest_charge"] });
  const { status, amount_received, currency, metadata } = intent;
  assert.deepEqual({ status, amount_received, currency, metadata: { ...metadata } }, {
    status: "succeeded",
    amount_received: 1999,
    currency: "eur",
    metadata: { order: "6735" },
  });
  const { paid: isPaid, captured, outcome, payment_method_details: details } = intent.latest_charge;
  assert.deepEqual([isPaid, captured, outcome.network_status], [true, true, "approved_by_network"]);
  assert.deepEqual(some(details.card, ["brand", "last4", "funding"]), { brand: "visa", last4: "4242", funding: "credit" });
  assert.ok(intent.lastResponse.requestId.startsWith("req_"));
}

async function twoStepsPay({ stripe, browser }) {
  const intent = await stripe.paymentIntents.create({ amount: 4200, currency: "usd", automatic_payment_methods: { enabled: true } });
  assert.deepEqual(some(intent, ["status", "amount", "amount_received"]), {
    status: "requires_payment_method",
    amount: 4200,
    amount_received: 0,
  });
  const changed = await stripe.paymentIntents.update(intent.id, { amount: 4300, metadata: { cart: "9" } });
  assert.equal(changed.amount, 4300);
  const method = await browser.paymentMethods.create({ type: "card", card: CARD });
  const confirmed = await browser.paymentIntents.confirm(intent.id, {
    client_secret: intent.client_secret,
    payment_method: method.id,
    return_url: RETURN,
  });
  assert.equal(confirmed.status, "succeeded");
  assert.equal((await stripe.paymentIntents.retrieve(intent.id)).amount_received, 4300);
  const again = await refused("StripeInvalidRequestError", () => stripe.paymentIntents.confirm(intent.id));
  assert.equal(again.code, "payment_intent_unexpected_state");
}

async function aTypedCardNeverComesBack({ stripe }) {
  const method = await stripe.paymentMethods.create({ type: "card", card: CARD });
  const intent = await paid(stripe, { payment_method: method.id, expand: ["latest_charge", "payment_method"] });
  assert.equal(intent.status, "succeeded");
  assert.ok(!JSON.stringify(intent).includes(CARD.number));
}

async function issuersRefuse({ stripe }) {
  for (const [card, code, decline] of [
    ["pm_card_chargeDeclined", "card_declined", "generic_decline"],
    ["pm_card_visa_chargeDeclinedInsufficientFunds", "card_declined", "insufficient_funds"],
    ["pm_card_visa_chargeDeclinedLostCard", "card_declined", "lost_card"],
    ["pm_card_visa_chargeDeclinedStolenCard", "card_declined", "stolen_card"],
    ["pm_card_chargeDeclinedExpiredCard", "expired_card", undefined],
    ["pm_card_chargeDeclinedIncorrectCvc", "incorrect_cvc", undefined],
    ["pm_card_chargeDeclinedProcessingError", "processing_error", undefined],
  ]) {
    const error = await refused("StripeCardError", () => paid(stripe, { payment_method: card }));
    assert.deepEqual([error.statusCode, error.code], [402, code], card);
    if (decline) assert.equal(error.decline_code, decline, card);
    const intent = await stripe.paymentIntents.retrieve(error.payment_intent.id, { expand: ["latest_charge"] });
    assert.deepEqual([intent.status, intent.last_payment_error.code], ["requires_payment_method", code]);
    assert.deepEqual([intent.latest_charge.paid, intent.latest_charge.failure_code], [false, code]);
    // The same intent is paid with another card.
    const later = await stripe.paymentIntents.confirm(intent.id, { payment_method: "pm_card_mastercard", return_url: RETURN });
    assert.equal(later.status, "succeeded");
  }
}

async function wrongCards({ stripe }) {
  for (const [change, code] of [
    [{ number: "4242424242424241" }, "incorrect_number"],
    [{ exp_month: 13 }, "invalid_expiry_month"],
    [{ exp_year: 1999 }, "invalid_expiry_year"],
    [{ cvc: "99" }, "invalid_cvc"],
  ]) {
    const error = await refused("StripeCardError", () => stripe.paymentMethods.create({ type: "card", card: { ...CARD, ...change } }));
    assert.deepEqual([error.statusCode, error.code], [402, code]);
  }
}

async function holdsAreCaptured({ stripe }) {
  const intent = await paid(stripe, { amount: 5000, capture_method: "manual" });
  assert.deepEqual(some(intent, ["status", "amount_capturable"]), { status: "requires_capture", amount_capturable: 5000 });
  await refused("StripeInvalidRequestError", () => stripe.paymentIntents.capture(intent.id, { amount_to_capture: 5001 }));
  const taken = await stripe.paymentIntents.capture(intent.id, { amount_to_capture: 3000 });
  assert.deepEqual([taken.status, taken.amount_received, taken.amount_capturable], ["succeeded", 3000, 0]);
  const other = await paid(stripe, { capture_method: "manual" });
  const charge = await stripe.charges.capture(other.latest_charge);
  assert.deepEqual([charge.captured, charge.amount_captured], [true, 1999]);
}

async function holdsAreReleased({ stripe }) {
  const held = await paid(stripe, { capture_method: "manual" });
  const gone = await stripe.paymentIntents.cancel(held.id, { cancellation_reason: "abandoned" });
  assert.deepEqual([gone.status, gone.cancellation_reason, typeof gone.canceled_at], ["canceled", "abandoned", "number"]);
  const error = await refused("StripeInvalidRequestError", () => stripe.paymentIntents.capture(held.id));
  assert.equal(error.code, "payment_intent_unexpected_state");
}

async function refundsNeverExceed({ stripe }) {
  const intent = await paid(stripe);
  const first = await stripe.refunds.create({ payment_intent: intent.id, amount: 500, reason: "requested_by_customer" });
  assert.deepEqual([first.status, first.amount, first.reason], ["succeeded", 500, "requested_by_customer"]);
  await refused("StripeInvalidRequestError", () => stripe.refunds.create({ payment_intent: intent.id, amount: 1500 }));
  const rest = await stripe.refunds.create({ charge: intent.latest_charge });
  assert.equal(rest.amount, 1499);
  const error = await refused("StripeInvalidRequestError", () => stripe.refunds.create({ payment_intent: intent.id }));
  assert.equal(error.code, "charge_already_refunded");
  const named = await stripe.refunds.update(rest.id, { metadata: { why: "late" } });
  assert.equal(named.metadata.why, "late");
  const listed = await stripe.refunds.list({ payment_intent: intent.id });
  assert.deepEqual(listed.data.map((refund) => refund.id), [rest.id, first.id]);
  const charge = await stripe.charges.retrieve(intent.latest_charge);
  assert.deepEqual([charge.refunded, charge.amount_refunded], [true, 1999]);
  const below = await stripe.rawRequest("GET", `/v1/charges/${charge.id}/refunds`);
  assert.deepEqual(below.data.map((refund) => refund.id), [rest.id, first.id]);
  assert.equal((await stripe.rawRequest("GET", `/v1/charges/${charge.id}/refunds/${first.id}`)).amount, 500);
  await refused("StripeInvalidRequestError", () => stripe.refunds.cancel(rest.id));
}

async function theSameKeyPaysOnce({ stripe }) {
  const options = { idempotencyKey: `order-${process.pid}` };
  const all = await Promise.allSettled(Array.from({ length: 8 }, () => paid(stripe, { amount: 700 }, options)));
  const done = all.filter((one) => one.status === "fulfilled").map((one) => one.value.id);
  const lost = all.filter((one) => one.status === "rejected").map((one) => one.reason);
  assert.ok(done.length > 0 && lost.every((error) => error.statusCode === 409), lost.map(String).join("; "));
  const replayed = await paid(stripe, { amount: 700 }, options);
  assert.deepEqual([...new Set([...done, replayed.id])].length, 1);
  assert.equal(replayed.lastResponse.headers["idempotent-replayed"], "true");
  await refused("StripeIdempotencyError", () => paid(stripe, { amount: 701 }, options));
}

async function customersKeepCards({ stripe }) {
  const customer = await stripe.customers.create({ email: "grace@example.com", name: "Grace", metadata: { tier: "gold" } });
  const method = await stripe.paymentMethods.attach("pm_card_visa", { customer: customer.id });
  assert.equal(method.customer, customer.id);
  const chosen = await stripe.customers.update(customer.id, { invoice_settings: { default_payment_method: method.id } });
  assert.equal(chosen.invoice_settings.default_payment_method, method.id);
  const intent = await paid(stripe, { customer: customer.id, payment_method: method.id, off_session: true });
  assert.deepEqual([intent.status, intent.customer], ["succeeded", customer.id]);
  assert.deepEqual((await stripe.customers.listPaymentMethods(customer.id)).data.map((one) => one.id), [method.id]);
  assert.equal((await stripe.paymentMethods.detach(method.id)).customer, null);
  await refused("StripeInvalidRequestError", () => paid(stripe, { customer: customer.id, payment_method: method.id }));
  assert.equal((await stripe.customers.del(customer.id)).deleted, true);
  assert.equal((await stripe.customers.retrieve(customer.id)).deleted, true);
}

async function paymentsSaveCards({ stripe }) {
  const customer = await stripe.customers.create({ email: "saver@example.com" });
  const first = await paid(stripe, { customer: customer.id, setup_future_usage: "off_session" });
  const [saved] = (await stripe.paymentMethods.list({ customer: customer.id, type: "card" })).data;
  assert.deepEqual([first.status, saved.id], ["succeeded", first.payment_method]);
  const later = await paid(stripe, { customer: customer.id, payment_method: saved.id, off_session: true });
  assert.equal(later.status, "succeeded");
}

async function setupsSaveCards({ stripe }) {
  const customer = await stripe.customers.create({});
  const setup = await stripe.setupIntents.create({ customer: customer.id, payment_method: "pm_card_mastercard", confirm: true, return_url: RETURN });
  assert.deepEqual(some(setup, ["status", "usage"]), { status: "succeeded", usage: "off_session" });
  const intent = await paid(stripe, { customer: customer.id, payment_method: setup.payment_method, off_session: true });
  assert.equal(intent.status, "succeeded");
  const open = await stripe.setupIntents.create({ customer: customer.id });
  const other = await stripe.setupIntents.create({ customer: customer.id, usage: "on_session" });
  const confirmed = await stripe.setupIntents.confirm(other.id, { payment_method: "pm_card_visa", return_url: RETURN });
  assert.deepEqual(some(confirmed, ["status", "usage"]), { status: "succeeded", usage: "on_session" });
  assert.equal((await stripe.setupIntents.cancel(open.id)).status, "canceled");
  assert.equal((await stripe.setupIntents.retrieve(setup.id)).id, setup.id);
}

async function tokensPayOnce({ stripe, browser }) {
  const token = await browser.tokens.create({ card: CARD });
  assert.deepEqual([token.type, token.card.last4, token.used], ["card", "4242", false]);
  const intent = await paid(stripe, { payment_method: undefined, payment_method_data: { type: "card", card: { token: token.id } } });
  assert.equal(intent.status, "succeeded");
  assert.equal((await stripe.tokens.retrieve(token.id)).used, true);
  await refused("StripeInvalidRequestError", () =>
    paid(stripe, { payment_method: undefined, payment_method_data: { type: "card", card: { token: token.id } } }),
  );
}

async function listsPage({ stripe }) {
  const made = [];
  for (let n = 0; n < 7; n += 1) made.push((await stripe.customers.create({ name: `Page ${n}` })).id);
  const seen = [];
  for await (const customer of stripe.customers.list({ limit: 3 })) seen.push(customer.id);
  assert.deepEqual(seen.slice(0, 7), made.reverse());
  assert.equal(new Set(seen).size, seen.length);
  const behind = await stripe.customers.list({ limit: 2, starting_after: seen[1] });
  assert.deepEqual([behind.data.map((one) => one.id), behind.has_more], [seen.slice(2, 4), true]);
  const before = await stripe.customers.list({ limit: 2, ending_before: seen[3] });
  assert.deepEqual(before.data.map((one) => one.id), seen.slice(1, 3));
  const array = await stripe.customers.list({ limit: 2 }).autoPagingToArray({ limit: 5 });
  assert.deepEqual(array.map((one) => one.id), seen.slice(0, 5));
  const error = await refused("StripeInvalidRequestError", () => stripe.customers.list({ limit: 0 }));
  assert.equal(error.param, "limit");
}

/** Search lags a moment behind what was written. */
async function found(search, wanted) {
  const until = Date.now() + 10_000;
  for (;;) {
    const ids = (await search()).data.map((one) => one.id);
    if (ids.includes(wanted)) return ids;
    if (Date.now() > until) throw new Error(`search does not find ${wanted}`);
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
}

async function searchFinds({ stripe }) {
  const customer = await stripe.customers.create({ email: "searched@example.com", metadata: { shelf: "seven" } });
  await stripe.customers.create({ email: "other@example.com", metadata: { shelf: "eight" } });
  for (const query of ["email:'searched@example.com'", "metadata['shelf']:'seven'"]) {
    assert.deepEqual(await found(() => stripe.customers.search({ query }), customer.id), [customer.id]);
  }
  const intent = await paid(stripe, { metadata: { basket: "b-17" } });
  const query = "status:'succeeded' AND metadata['basket']:'b-17'";
  assert.deepEqual(await found(() => stripe.paymentIntents.search({ query }), intent.id), [intent.id]);
  const charge = await stripe.charges.update(intent.latest_charge, { metadata: { stall: "s-4" } });
  assert.deepEqual(await found(() => stripe.charges.search({ query: "metadata['stall']:'s-4'" }), charge.id), [charge.id]);
  const price = await stripe.prices.create({ currency: "eur", unit_amount: 900, product_data: { name: "Found" }, metadata: { shelf: "p-2" } });
  assert.deepEqual(await found(() => stripe.prices.search({ query: "metadata['shelf']:'p-2'" }), price.id), [price.id]);
  await refused("StripeInvalidRequestError", () => stripe.customers.search({ query: "nonsense" }));
}

async function expandsOpen({ stripe }) {
  const customer = await stripe.customers.create({ name: "Expanded" });
  const intent = await paid(stripe, { customer: customer.id, expand: ["customer", "latest_charge.payment_intent", "payment_method"] });
  assert.deepEqual(
    [intent.customer.name, intent.latest_charge.payment_intent.id, intent.payment_method.object],
    ["Expanded", intent.id, "payment_method"],
  );
  const [listed] = (await stripe.charges.list({ limit: 1, expand: ["data.customer"] })).data;
  assert.equal(listed.customer.id, customer.id);
  await refused("StripeInvalidRequestError", () => stripe.paymentIntents.retrieve(intent.id, { expand: ["amount"] }));
}

async function theBalanceAddsUp({ stripe }) {
  const intent = await paid(stripe, { amount: 2500, expand: ["latest_charge.balance_transaction"] });
  const charge = await stripe.charges.retrieve(intent.latest_charge.id, { expand: ["balance_transaction"] });
  const { amount, fee, net, fee_details: details, type } = charge.balance_transaction;
  assert.deepEqual([amount, type, amount - fee, details.reduce((sum, one) => sum + one.amount, 0)], [2500, "charge", net, fee]);
  const moved = await stripe.balanceTransactions.retrieve(charge.balance_transaction.id);
  assert.equal(moved.source, charge.id);
  const all = await stripe.balanceTransactions.list({ limit: 100 }).autoPagingToArray({ limit: 10_000 });
  const balance = await stripe.balance.retrieve();
  const sums = {};
  for (const one of all) sums[one.currency] = (sums[one.currency] ?? 0) + one.net;
  for (const part of [...balance.available, ...balance.pending]) sums[part.currency] = (sums[part.currency] ?? 0) - part.amount;
  assert.ok(Object.values(sums).every((sum) => sum === 0), JSON.stringify(sums));
}

async function theCatalogueKeepsPrices({ stripe }) {
  const product = await stripe.products.create({ name: "Ticket", default_price_data: { currency: "eur", unit_amount: 1900 } });
  const price = await stripe.prices.create({ product: product.id, currency: "usd", unit_amount: 2100, lookup_key: `ticket-${process.pid}` });
  assert.deepEqual([price.unit_amount, price.unit_amount_decimal.toString(), price.product], [2100, "2100", product.id]);
  assert.equal((await stripe.prices.update(price.id, { active: false })).active, false);
  assert.equal((await stripe.products.update(product.id, { name: "Seat" })).name, "Seat");
  assert.equal((await stripe.prices.list({ product: product.id })).data.length, 2);
  assert.equal((await stripe.products.retrieve(product.id)).default_price !== null, true);
}

async function thingsAreReadBackAndChanged({ stripe }) {
  const customer = await stripe.customers.create({ name: "Reader" });
  const method = await stripe.paymentMethods.attach("pm_card_visa", { customer: customer.id });
  const named = await stripe.paymentMethods.update(method.id, { billing_details: { name: "R. Reader" }, metadata: { shelf: "1" } });
  assert.deepEqual([named.billing_details.name, { ...named.metadata }], ["R. Reader", { shelf: "1" }]);
  assert.equal((await stripe.paymentMethods.retrieve(method.id)).billing_details.name, "R. Reader");
  assert.equal((await stripe.customers.retrievePaymentMethod(customer.id, method.id)).id, method.id);
  const intent = await paid(stripe);
  const charge = await stripe.charges.update(intent.latest_charge, { description: "seat 7", metadata: { row: "c" } });
  assert.deepEqual([charge.description, charge.metadata.row], ["seat 7", "c"]);
  const refund = await stripe.refunds.create({ payment_intent: intent.id, amount: 100 });
  assert.equal((await stripe.refunds.retrieve(refund.id)).amount, 100);
  const setup = await stripe.setupIntents.create({ customer: customer.id });
  const changed = await stripe.setupIntents.update(setup.id, { description: "for later" });
  assert.equal(changed.description, "for later");
  assert.deepEqual((await stripe.setupIntents.list({ limit: 1 })).data.map((one) => one.id), [setup.id]);
}

async function productsAreFoundAndGo({ stripe }) {
  const product = await stripe.products.create({ name: "Rare poster", metadata: { room: "blue" } });
  const query = "metadata['room']:'blue'";
  assert.deepEqual(await found(() => stripe.products.search({ query }), product.id), [product.id]);
  assert.equal((await stripe.products.list({ limit: 1 })).data[0].id, product.id);
  assert.equal((await stripe.products.del(product.id)).deleted, true);
  const kept = await stripe.products.create({ name: "Kept" });
  const price = await stripe.prices.create({ product: kept.id, currency: "jpy", unit_amount: 1200, recurring: { interval: "month" } });
  const shown = await stripe.prices.retrieve(price.id);
  assert.deepEqual([shown.type, shown.recurring.interval, shown.unit_amount], ["recurring", "month", 1200]);
}

async function theAccountIsShown({ stripe }) {
  const account = await stripe.accounts.retrieveCurrent();
  assert.deepEqual([account.object, account.charges_enabled], ["account", true]);
}

async function badInputNamesItsField({ stripe, browser }) {
  const create = (fields) => () => stripe.paymentIntents.create(fields);
  for (const [fields, code, param] of [
    [{ currency: "eur" }, "parameter_missing", "amount"],
    [{ amount: "x", currency: "eur" }, "parameter_invalid_integer", "amount"],
    [{ amount: 100, currency: "eur", amonut: 1 }, "parameter_unknown", "amonut"],
    [{ amount: 10, currency: "usd" }, "amount_too_small", "amount"],
    [{ amount: 100_000_000, currency: "usd" }, "amount_too_large", "amount"],
  ]) {
    const error = await refused("StripeInvalidRequestError", create(fields));
    assert.deepEqual([error.statusCode, error.code, error.param], [400, code, param]);
  }
  const missing = await refused("StripeInvalidRequestError", () => stripe.charges.retrieve("ch_nothing"));
  assert.deepEqual([missing.statusCode, missing.code], [404, "resource_missing"]);
  const inField = await refused("StripeInvalidRequestError", () => stripe.customers.create({ description: `card ${CARD.number}` }));
  assert.equal(inField.code, "card_number_in_field");
  assert.ok(!JSON.stringify(inField).includes(CARD.number));
  const secret = await refused("StripePermissionError", () => browser.customers.create({}));
  assert.equal(secret.code, "secret_key_required");
}

async function aWrongKeyOpensNothing({ client }) {
  const error = await refused("StripeAuthenticationError", () => client("sk_test_wrongwrongwrongwrong1234").balance.retrieve());
  assert.equal(error.statusCode, 401);
  assert.ok(!error.message.includes("wrongwrongwrongwrong1234"));
}

async function olderVersionsAreAnswered({ Stripe, ready, client }) {
  const stripe = client(ready.secret_key);
  for (const apiVersion of ["2020-08-27", "2022-08-01", "2023-10-16", "2024-04-10"]) {
    const intent = await paid(stripe, {}, { apiVersion });
    assert.deepEqual([intent.status, intent.lastResponse.apiVersion], ["succeeded", apiVersion]);
  }
  const first = await paid(stripe, {}, { apiVersion: "2020-08-27" });
  assert.equal(first.charges.data[0].paid, true);
  assert.ok(Stripe.PACKAGE_VERSION.startsWith("23."));
}

async function eventsTell({ stripe }) {
  const intent = await paid(stripe);
  const until = Date.now() + 10_000;
  let types = [];
  while (!types.includes("payment_intent.succeeded")) {
    assert.ok(Date.now() < until, types.join());
    types = [];
    for await (const event of stripe.events.list({ limit: 100 })) if (event.data.object.id === intent.id) types.push(event.type);
  }
  assert.ok(types.includes("payment_intent.created"));
  const [event] = (await stripe.events.list({ type: "payment_intent.succeeded", limit: 1 })).data;
  assert.equal((await stripe.events.retrieve(event.id)).id, event.id);
}

async function webhookEndpointsAreKept({ stripe }) {
  const url = "https://shop.example/hooks";
  const made = await stripe.webhookEndpoints.create({ url, enabled_events: ["payment_intent.succeeded", "charge.refunded"] });
  assert.ok(made.secret.startsWith("whsec_"));
  const shown = await stripe.webhookEndpoints.retrieve(made.id);
  assert.deepEqual([shown.url, shown.status, shown.secret], [url, "enabled", undefined]);
  const changed = await stripe.webhookEndpoints.update(made.id, { enabled_events: ["*"], disabled: true });
  assert.deepEqual([changed.enabled_events, changed.status], [["*"], "disabled"]);
  assert.ok((await stripe.webhookEndpoints.list()).data.some((one) => one.id === made.id));
  assert.equal((await stripe.webhookEndpoints.del(made.id)).deleted, true);
  await refused("StripeInvalidRequestError", () => stripe.webhookEndpoints.create({ url, enabled_events: ["no.such.event"] }));
}

async function domainsOfShopsAreKept({ stripe }) {
  const made = await stripe.paymentMethodDomains.create({ domain_name: "Shop.Example" });
  assert.deepEqual([made.domain_name, made.enabled, made.apple_pay.status], ["shop.example", true, "inactive"]);
  assert.equal((await stripe.paymentMethodDomains.create({ domain_name: "shop.example" })).id, made.id);
  const off = await stripe.paymentMethodDomains.update(made.id, { enabled: false });
  assert.deepEqual([off.id, off.enabled], [made.id, false]);
  assert.equal((await stripe.paymentMethodDomains.retrieve(made.id)).enabled, false);
  assert.equal((await stripe.paymentMethodDomains.validate(made.id)).id, made.id);
  assert.ok((await stripe.paymentMethodDomains.list({ domain_name: "shop.example" })).data.some((one) => one.id === made.id));
  await refused("StripeInvalidRequestError", () => stripe.paymentMethodDomains.create({ domain_name: "*.shop.example" }));
}

/** A receiver of webhooks on loopback: what came, as it came. */
async function receiver(status) {
  const came = [];
  const server = http.createServer((request, response) => {
    const pieces = [];
    request.on("data", (piece) => pieces.push(piece));
    request.on("end", () => {
      came.push({ body: Buffer.concat(pieces), headers: request.headers });
      response.writeHead(status).end();
    });
  });
  await new Promise((resolve) => server.listen(0, "127.0.0.1", resolve));
  const url = `http://127.0.0.1:${server.address().port}/hooks`;
  const stop = () =>
    new Promise((resolve) => {
      server.close(resolve);
      server.closeAllConnections();
    });
  return { came, url, stop };
}

/** Looks until there is something to see. */
async function eventually(what, look) {
  const until = Date.now() + 20_000;
  for (;;) {
    const seen = await look();
    if (seen) return seen;
    if (Date.now() > until) throw new Error(`waited for ${what}`);
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
}

async function deliveriesAreSigned({ stripe, recorder }) {
  const [alive, dead] = [await receiver(200), await receiver(500)];
  const listen = (url) => stripe.webhookEndpoints.create({ url, enabled_events: ["payment_intent.succeeded", "charge.refunded"] });
  const [endpoint, other] = [await listen(alive.url), await listen(dead.url)];
  const intent = await paid(stripe, { amount: 4321, metadata: { hook: "yes" } });
  await stripe.refunds.create({ payment_intent: intent.id, amount: 21 });
  await eventually("two deliveries", () => alive.came.length >= 2);
  const events = alive.came.map(({ body, headers }) => {
    const event = stripe.webhooks.constructEvent(body, headers["stripe-signature"], endpoint.secret);
    assert.throws(() => stripe.webhooks.constructEvent(body, headers["stripe-signature"], other.secret));
    assert.throws(() => stripe.webhooks.constructEvent(Buffer.concat([body, Buffer.from(" ")]), headers["stripe-signature"], endpoint.secret));
    recorder.write({ webhook: true, body: JSON.parse(body) });
    return event;
  });
  assert.deepEqual(events.map((event) => event.type).sort(), ["charge.refunded", "payment_intent.succeeded"]);
  const told = events.find((event) => event.type === "payment_intent.succeeded");
  assert.deepEqual([told.data.object.id, told.data.object.amount, told.livemode], [intent.id, 4321, false]);
  const shown = await stripe.events.retrieve(told.id);
  assert.deepEqual([shown.id, shown.type, shown.data.object.id], [told.id, told.type, intent.id]);
  // The dead one is tried again, under the same event.
  const again = (id) => dead.came.filter(({ body }) => JSON.parse(body).id === id).length;
  await eventually("a second try", () => again(told.id) >= 2);
  for (const one of [endpoint, other]) await stripe.webhookEndpoints.del(one.id);
  await Promise.all([alive.stop(), dead.stop()]);
}

module.exports = {
  aCardPays,
  twoStepsPay,
  aTypedCardNeverComesBack,
  issuersRefuse,
  wrongCards,
  holdsAreCaptured,
  holdsAreReleased,
  refundsNeverExceed,
  theSameKeyPaysOnce,
  customersKeepCards,
  paymentsSaveCards,
  setupsSaveCards,
  tokensPayOnce,
  listsPage,
  searchFinds,
  expandsOpen,
  theBalanceAddsUp,
  theCatalogueKeepsPrices,
  thingsAreReadBackAndChanged,
  productsAreFoundAndGo,
  theAccountIsShown,
  badInputNamesItsField,
  aWrongKeyOpensNothing,
  olderVersionsAreAnswered,
  eventsTell,
  webhookEndpointsAreKept,
  domainsOfShopsAreKept,
  deliveriesAreSigned,
};
