// What issuers say, as a page hears it: the code and the reason of each refusal.
import assert from 'node:assert/strict';

const REFUSED = [
  ['4000000000000002', 'card_declined', 'generic_decline'],
  ['4000000000009995', 'card_declined', 'insufficient_funds'],
  // A thief is not told that the card was missed.
  ['4000000000009987', 'card_declined', 'generic_decline'],
  ['4000000000000127', 'incorrect_cvc', null],
  ['4000000000000069', 'expired_card', null],
  ['4000000000000119', 'processing_error', null],
];

async function refusals(bench) {
  const shopper = await bench.open();
  const { client_secret: clientSecret } = await bench.intent();
  await shopper.mount([['payment', '#pay']], { options: { clientSecret } });
  for (const [number, code, reason] of REFUSED) {
    await shopper.type({ number });
    const { error } = await shopper.run(() => stripe.confirmPayment({ elements, redirect: 'if_required' }));
    assert.deepEqual([error.type, error.code, error.decline_code ?? null], ['card_error', code, code === 'card_declined' ? reason : (error.decline_code ?? null)], number);
    assert.equal(error.payment_intent.status, 'requires_payment_method');
    assert.ok(error.message.length > 10, error.message);
  }
  // The same intent, another card: it is paid.
  await shopper.type();
  const paid = shopper.run(() => stripe.confirmPayment({ elements, redirect: 'if_required' }));
  assert.deepEqual(await shopper.outcome(paid), ['succeeded', null]);
}

async function brands(bench) {
  const shopper = await bench.open();
  await shopper.mount([['card', '#line', { hidePostalCode: true }]]);
  const shown = [];
  for (const number of ['4242424242424242', '5555555555554444', '378282246310005', '6011111111111117', '30569309025904', '3566002020360505', '6200000000000005']) {
    await shopper.type({ number, cvc: number.startsWith('37') ? '7373' : '737' }, '#line');
    // A line this narrow shows a whole number only while the focus is on it.
    assert.equal(await shopper.field('cardnumber', '#line').inputValue(), number.slice(-4));
    await shopper.field('cardnumber', '#line').focus();
    const field = await shopper.field('cardnumber', '#line').inputValue();
    const { paymentMethod } = await shopper.run(() => stripe.createPaymentMethod({ type: 'card', card: elements.getElement('card') }));
    shown.push([paymentMethod?.card.brand, field, await shopper.frame('#line').locator('svg').getAttribute('aria-label')]);
  }
  assert.deepEqual(shown, [
    ['visa', '4242 4242 4242 4242', 'visa'], ['mastercard', '5555 5555 5555 4444', 'mastercard'], ['amex', '3782 822463 10005', 'amex'],
    ['discover', '6011 1111 1111 1117', 'discover'], ['diners', '3056 930902 5904', 'diners'], ['jcb', '3566 0020 2036 0505', 'jcb'],
    ['unionpay', '6200 0000 0000 0005', 'unionpay'],
  ]);
}

async function expiriesAsPeopleTypeThem(bench) {
  const shopper = await bench.open();
  await shopper.mount([['cardExpiry', '#expiry']]);
  const field = shopper.field('exp-date', '#expiry');
  const shown = [];
  for (const keys of ['1234', '534', '5/34', '12/34', '1/2034']) {
    await field.fill('');
    await field.pressSequentially(keys);
    shown.push(await field.inputValue());
  }
  for (const filled of ['12/2034', '12 / 34', '122034']) {
    await field.fill(filled);
    shown.push(await field.inputValue());
  }
  assert.deepEqual(shown, ['12 / 34', '05 / 34', '05 / 34', '12 / 34', '01 / 34', '12 / 34', '12 / 34', '12 / 34']);
}

export const cards = { refusals, brands, expiriesAsPeopleTypeThem };
