// Medusa's own Stripe provider, unchanged: it initiates, authorizes, captures, refunds and cancels. Needs FLORIN_API and FLORIN_KEY.
"use strict";
const assert = require("node:assert/strict");
const provider = require("@medusajs/payment-stripe/dist/services/stripe-provider.js").default;

const silent = { debug() {}, info() {}, warn() {}, error() {} };
const make = (options = {}) => new provider({ logger: silent }, { apiKey: process.env.FLORIN_KEY, webhookSecret: "whsec_unused", ...options });
const medusa = make();
/** What the browser adds to a session: the customer's card. */
const card = { payment_method: "pm_card_visa", confirm: true, return_url: "https://shop.example/back", payment_method_types: ["card"] };

const initiate = (service, amount, data, key) =>
  service.initiatePayment({ amount, currency_code: "eur", data: { session_id: `session_${key}`, ...data }, context: { idempotency_key: key } });

async function aPaymentIsCapturedAndRefunded() {
  const session = await initiate(medusa, 25.5, card, "medusa-1");
  assert.deepEqual([session.status, session.data.amount, session.data.metadata.session_id], ["authorized", 2550, "session_medusa-1"]);
  const authorized = await medusa.authorizePayment({ data: session.data });
  assert.equal(authorized.status, "authorized");
  const captured = await medusa.capturePayment({ data: session.data, context: { idempotency_key: "medusa-1-capture" } });
  assert.deepEqual([captured.data.status, captured.data.amount_received], ["succeeded", 2550]);
  const refund = (amount, key) => medusa.refundPayment({ amount, data: captured.data, context: { idempotency_key: key } });
  await refund(10, "medusa-1-refund-1");
  await refund(15.5, "medusa-1-refund-2");
  // Nothing is left: the provider takes that answer for done.
  await refund(1, "medusa-1-refund-3");
  const shown = await medusa.retrievePayment({ data: captured.data });
  assert.equal(Number(shown.data.amount), 25.5);
}

async function aRepeatedSessionIsOnePayment() {
  const [first, second] = [await initiate(medusa, 9, card, "medusa-2"), await initiate(medusa, 9, card, "medusa-2")];
  assert.equal(first.id, second.id);
}

async function aSessionIsCanceled() {
  const session = await initiate(medusa, 12, card, "medusa-3");
  const gone = await medusa.cancelPayment({ data: session.data });
  assert.equal(gone.data.status, "canceled");
  // Once more is no error.
  assert.equal((await medusa.cancelPayment({ data: session.data })).data.status, "canceled");
}

async function anOpenSessionChangesItsAmount() {
  const session = await initiate(medusa, 30, {}, "medusa-4");
  assert.equal(session.status, "pending");
  const changed = await medusa.updatePayment({ data: session.data, currency_code: "eur", amount: 31 });
  assert.equal(changed.data.amount, 3100);
}

async function issuersRefuse() {
  const declined = { ...card, payment_method: "pm_card_chargeDeclined" };
  const session = await initiate(medusa, 20, declined, "medusa-5");
  assert.equal(session.data.status, "requires_payment_method");
}

async function automaticCaptureAndAccountHolders() {
  const holder = await medusa.createAccountHolder({ context: { customer: { email: "shop@example.com", first_name: "S", last_name: "Hopper" } } });
  assert.ok(holder.id.startsWith("cus_"));
  const service = make({ capture: true });
  const session = await service.initiatePayment({
    amount: 5,
    currency_code: "eur",
    data: { session_id: "session_6", ...card },
    context: { idempotency_key: "medusa-6", account_holder: { data: { id: holder.id } } },
  });
  assert.deepEqual([session.status, session.data.customer], ["captured", holder.id]);
}

(async () => {
  const checks = [
    aPaymentIsCapturedAndRefunded,
    aRepeatedSessionIsOnePayment,
    aSessionIsCanceled,
    anOpenSessionChangesItsAmount,
    issuersRefuse,
    automaticCaptureAndAccountHolders,
  ];
  let failed = 0;
  for (const check of checks) {
    try {
      await check();
      console.log(`test medusa::${check.name} ... ok`);
    } catch (error) {
      failed += 1;
      console.log(`test medusa::${check.name} ... FAILED\n  ${error.stack}`);
    }
  }
  console.log(`test result: ${failed ? "FAILED" : "ok"}. ${checks.length - failed} passed; ${failed} failed; 0 ignored;`);
  process.exit(failed ? 1 : 0);
})();
