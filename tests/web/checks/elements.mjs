// Each element and each method that takes a card from one.
import assert from 'node:assert/strict';

const CARD_LINE = [['card', '#line']];
const FORM = [['payment', '#pay', { defaultValues: { billingDetails: { address: { country: 'US' } } } }]];
const SPLIT = [['cardNumber', '#number', { showIcon: true }], ['cardExpiry', '#expiry'], ['cardCvc', '#cvc']];
const DEFERRED = { mode: 'payment', amount: 1999, currency: 'eur' };

async function aFormPays(bench) {
  const shopper = await bench.open();
  const { client_secret: clientSecret } = await bench.intent();
  await shopper.mount(FORM, { options: { clientSecret } });
  await shopper.type();
  const paid = shopper.run(() => stripe.confirmPayment({ elements, redirect: 'if_required', confirmParams: {} }));
  assert.deepEqual(await shopper.outcome(paid), ['succeeded', null]);
  const states = (await shopper.told('change')).map(({ complete, empty, value }) => [complete, empty, value.type]);
  assert.deepEqual([states[0], states.at(-1)], [[false, false, 'card'], [true, false, 'card']]);
  assert.deepEqual(await shopper.told('ready'), [{ elementType: 'payment' }]);
}

async function aFormPaysWithoutTls(bench) {
  const shopper = await bench.open('/form', { http: true });
  const { client_secret: clientSecret } = await bench.intent();
  await shopper.mount(FORM, { options: { clientSecret } });
  await shopper.type();
  const paid = shopper.run(() => stripe.confirmPayment({ elements, redirect: 'if_required' }));
  assert.deepEqual(await shopper.outcome(paid), ['succeeded', null]);
}

async function aFormBeforeItsIntent(bench) {
  const shopper = await bench.open();
  await shopper.mount(FORM, { options: DEFERRED });
  await shopper.type({ number: '5555555555554444' });
  assert.deepEqual(await shopper.run(() => elements.submit()), { selectedPaymentMethod: 'card' });
  const { client_secret: clientSecret } = await bench.intent();
  const paid = shopper.run((clientSecret) => stripe.confirmPayment({ elements, clientSecret, redirect: 'if_required' }), clientSecret);
  assert.deepEqual(await shopper.outcome(paid), ['succeeded', null]);
}

async function whatIsMissingIsSaid(bench) {
  const shopper = await bench.open();
  await shopper.mount(FORM, { options: DEFERRED });
  const { error } = await shopper.run(() => elements.submit());
  assert.deepEqual([error.type, error.code, error.message], ['validation_error', 'incomplete_number', 'The card number is incomplete.']);
  const notes = await shopper.frame().locator('.Error').allTextContents();
  assert.deepEqual(notes, ['The card number is incomplete.', 'Enter month and year', 'Complete the code', 'Enter postal code']);
  await shopper.type({ number: '4242424242424241' });
  const wrong = await shopper.run(() => elements.submit());
  assert.equal(wrong.error.code, 'invalid_number');
  await shopper.type({ expiry: '1221' });
  const past = await shopper.run(() => elements.submit());
  assert.equal(past.error.code, 'invalid_expiry_year_past');
}

async function nothingIsSentOfAnEmptyLine(bench) {
  const shopper = await bench.open();
  const { client_secret: secret } = await bench.intent();
  await shopper.mount([...CARD_LINE, ['cardCvc', '#cvc']]);
  const codes = await shopper.run(async (secret) => {
    const [card, cvc] = [elements.getElement('card'), elements.getElement('cardCvc')];
    const answers = [
      await stripe.confirmCardPayment(secret, { payment_method: { card } }), await stripe.createToken(card), await stripe.createPaymentMethod({ type: 'card', card }),
      await stripe.createToken('cvc_update', cvc), await stripe.confirmCardPayment(secret, { payment_method: 'pm_card_visa', payment_method_options: { card: { cvc } } }),
    ];
    return answers.map(({ error }) => [error.type, error.code]);
  }, secret);
  assert.deepEqual(codes, ['incomplete_number', 'incomplete_number', 'incomplete_number', 'incomplete_cvc', 'incomplete_cvc'].map((code) => ['validation_error', code]));
}

async function aFormLeadsBack(bench) {
  const shopper = await bench.open();
  const { id, client_secret: clientSecret } = await bench.intent();
  await shopper.mount(FORM, { options: { clientSecret } });
  await shopper.type();
  const back = shopper.at('/form?back=1');
  await shopper.run((back) => void stripe.confirmPayment({ elements, confirmParams: { return_url: back } }), back);
  await shopper.page.waitForURL(/back=1/);
  const at = new URL(shopper.page.url()).searchParams;
  assert.deepEqual([at.get('payment_intent'), at.get('payment_intent_client_secret'), at.get('redirect_status')], [id, clientSecret, 'succeeded']);
}

async function aLinePays(bench) {
  const shopper = await bench.open();
  const { client_secret: secret } = await bench.intent();
  await shopper.mount(CARD_LINE);
  await shopper.type({ number: '378282246310005', cvc: '7373' }, '#line');
  const paid = shopper.run((secret) => stripe.confirmCardPayment(secret, {
    payment_method: { card: elements.getElement('card'), billing_details: { name: 'Ann Ex' } },
  }), secret);
  assert.deepEqual(await shopper.outcome(paid), ['succeeded', null]);
  const { paymentIntent } = await shopper.run((secret) => stripe.retrievePaymentIntent(secret), secret);
  const { billing_details: whose, card } = await bench.get(`/v1/payment_methods/${paymentIntent.payment_method}`);
  assert.deepEqual([whose.name, whose.address.postal_code, card.brand, card.last4], ['Ann Ex', '90210', 'amex', '0005']);
}

async function aLineIsOneFieldToItsPage(bench) {
  const shopper = await bench.open();
  await shopper.mount(CARD_LINE);
  const classes = () => shopper.run(() => [...document.getElementById('line').classList].filter((name) => name.startsWith('Stripe')));
  assert.deepEqual(await classes(), ['StripeElement', 'StripeElement--empty']);
  await shopper.page.locator('label.name').click();
  await shopper.page.keyboard.type('4242424242424241');
  assert.deepEqual(await classes(), ['StripeElement', 'StripeElement--focus', 'StripeElement--invalid']);
  await shopper.run(() => elements.getElement('card').clear());
  await shopper.type({}, '#line');
  await shopper.page.keyboard.press('Escape');
  await shopper.run(() => elements.getElement('card').blur());
  await shopper.page.waitForFunction(() => told.some(([event]) => event === 'blur'));
  assert.deepEqual(await classes(), ['StripeElement', 'StripeElement--complete']);
  const brands = [...new Set((await shopper.told('change')).map((what) => what.brand))];
  assert.deepEqual(brands, ['visa', 'unknown']);
  assert.deepEqual((await shopper.told('escape')).length, 1);
}

async function aMethodThatIsKeptPays(bench) {
  const shopper = await bench.open();
  await shopper.mount(CARD_LINE);
  await shopper.type({}, '#line');
  const { paymentMethod } = await shopper.run(() => stripe.createPaymentMethod({ type: 'card', card: elements.getElement('card') }));
  const { client_secret: secret } = await bench.intent();
  const paid = shopper.run(([secret, method]) => stripe.confirmCardPayment(secret, { payment_method: method }), [secret, paymentMethod.id]);
  assert.deepEqual(await shopper.outcome(paid), ['succeeded', null]);
}

async function methodsInEachForm(bench) {
  const shopper = await bench.open();
  await shopper.mount(CARD_LINE);
  await shopper.type({}, '#line');
  const made = await shopper.run(async () => {
    const card = elements.getElement('card');
    const now = await stripe.createPaymentMethod({ type: 'card', card, billing_details: { email: 'a@b.example' }, metadata: { a: '1' } });
    const old = await stripe.createPaymentMethod('card', card, { billing_details: { name: 'B' } });
    return [now, old].map(({ paymentMethod: m }) => [m.id.slice(0, 3), m.card.last4, m.billing_details.name, m.billing_details.email]);
  });
  assert.deepEqual(made, [['pm_', '4242', null, 'a@b.example'], ['pm_', '4242', 'B', null]]);
  await shopper.run(() => elements.getElement('card').destroy());
  await shopper.mount(FORM, { options: DEFERRED });
  await shopper.type();
  const form = await shopper.run(() => stripe.createPaymentMethod({ elements, params: { billing_details: { name: 'C' } } }));
  const { name, address } = form.paymentMethod.billing_details;
  assert.deepEqual([name, address.country, address.postal_code], ['C', 'US', '90210']);
}

async function threeFieldsMakeAToken(bench) {
  const shopper = await bench.open();
  await shopper.mount(SPLIT, { options: { locale: 'ko' } });
  await shopper.typeSplit({ number: '5555555555554444' });
  const { token } = await shopper.run(() => stripe.createToken(elements.getElement('cardNumber'), { name: 'Dee' }));
  assert.deepEqual([token.object, token.card.brand.toLowerCase(), token.card.last4, token.card.name], ['token', 'mastercard', '4444', 'Dee']);
  const paid = await bench.intent({ confirm: true, return_url: 'https://shop.example/', 'payment_method_data[type]': 'card', 'payment_method_data[card][token]': token.id });
  assert.equal(paid.status, 'succeeded', JSON.stringify(paid.error));
}

async function aCodeIsAskedForAgain(bench) {
  const shopper = await bench.open();
  await shopper.mount([['cardCvc', '#cvc']]);
  await shopper.field('cvc', '#cvc').pressSequentially('737');
  shopper.typed.push({ number: '', cvc: '737' });
  const { token } = await shopper.run(() => stripe.createToken('cvc_update', elements.getElement('cardCvc')));
  assert.deepEqual([token.object, token.type], ['token', 'cvc_update']);
}

async function aConfirmationToken(bench) {
  const shopper = await bench.open();
  await shopper.mount(FORM, { options: DEFERRED });
  await shopper.type();
  const { confirmationToken } = await shopper.run(() => stripe.createConfirmationToken({ elements, params: { return_url: 'https://shop.example/back' } }));
  assert.deepEqual([confirmationToken.object, confirmationToken.payment_method_preview.card.last4], ['confirmation_token', '4242']);
  const paid = await bench.intent({ confirm: true, confirmation_token: confirmationToken.id });
  assert.equal(paid.status, 'succeeded', JSON.stringify(paid.error));
}

async function cardsAreKeptForLater(bench) {
  const shopper = await bench.open();
  const setup = () => bench.post('/v1/setup_intents', { 'automatic_payment_methods[enabled]': true });
  await shopper.mount(CARD_LINE);
  await shopper.type({}, '#line');
  const first = await setup();
  assert.equal(first.object, 'setup_intent', JSON.stringify(first));
  const line = shopper.run((secret) => stripe.confirmCardSetup(secret, { payment_method: { card: elements.getElement('card') } }), first.client_secret);
  assert.deepEqual(await shopper.outcome(line), ['succeeded', null]);
  await shopper.run(() => elements.getElement('card').destroy());
  const second = await setup();
  await shopper.mount(FORM, { options: { clientSecret: second.client_secret } });
  await shopper.type();
  const form = shopper.run(() => stripe.confirmSetup({ elements, redirect: 'if_required' }));
  assert.deepEqual(await shopper.outcome(form), ['succeeded', null]);
  const { setupIntent } = await shopper.run((secret) => stripe.retrieveSetupIntent(secret), second.client_secret);
  assert.deepEqual([setupIntent.id, setupIntent.status], [second.id, 'succeeded']);
}

async function addressesGoWithTheCard(bench) {
  const shopper = await bench.open();
  await shopper.mount([...FORM, ['address', '#address', { mode: 'billing', defaultValues: { address: { country: 'KR' } } }], ['linkAuthentication', '#email']], { options: DEFERRED });
  await shopper.type();
  await shopper.field('email', '#email').fill('eve@shop.example');
  for (const [name, value] of [['name', 'Eve Oh'], ['line1', 'Sejong-daero 110'], ['city', 'Seoul'], ['postal_code', '04524']]) await shopper.field(name, '#address').fill(value);
  const { paymentMethod, error } = await shopper.run(() => stripe.createPaymentMethod({ elements }));
  assert.equal(error, undefined, JSON.stringify(error));
  const { email, name, address } = paymentMethod.billing_details;
  assert.deepEqual([email, name, address.line1, address.city], ['eve@shop.example', 'Eve Oh', 'Sejong-daero 110', 'Seoul']);
  const value = await shopper.run(() => elements.getElement('address').getValue());
  assert.deepEqual([value.complete, value.value.name, value.value.address.city], [true, 'Eve Oh', 'Seoul']);
}

async function elementsComeAndGo(bench) {
  const shopper = await bench.open();
  await shopper.mount(CARD_LINE);
  const told = await shopper.run(async () => {
    const card = elements.getElement('card');
    const thrown = (work) => {
      try {
        work();
        return null;
      } catch (error) {
        return error.name;
      }
    };
    const out = [thrown(() => elements.create('card')), thrown(() => elements.create('moon')), elements.getElement('payment')];
    card.unmount();
    out.push(document.querySelectorAll('#line iframe').length, document.getElementById('line').className);
    card.mount('#line');
    await new Promise((resolve) => card.on('ready', resolve));
    card.destroy();
    out.push(elements.getElement('card'), thrown(() => card.mount('#line')), elements.create('card') !== card);
    return out;
  });
  assert.deepEqual(told, ['IntegrationError', 'IntegrationError', null, 0, 'box', null, 'IntegrationError', true]);
  await shopper.still();
}

async function looksAreTaken(bench) {
  const shopper = await bench.open();
  const appearance = { theme: 'night', variables: { colorPrimary: '#ff0088', colorText: 'url(https://evil.example/x)', borderRadius: '2px' }, rules: { '.Input': { 'borderWidth': '3px', position: 'fixed' }, 'body *': { color: 'red' } } };
  await shopper.mount(FORM, { options: { ...DEFERRED, appearance } });
  const look = () => shopper.field('cardnumber').evaluate((node) => {
    const style = getComputedStyle(node);
    return [style.borderTopLeftRadius, style.borderTopWidth, style.position, style.color];
  });
  assert.deepEqual(await look(), ['2px', '3px', 'static', 'rgb(233, 231, 225)']);
  await shopper.run(() => elements.update({ appearance: { theme: 'stripe' } }));
  await shopper.frame().locator(':root[data-theme="stripe"]').waitFor();
  assert.deepEqual(await look(), ['8px', '1px', 'static', 'rgb(27, 35, 48)']);
  // A form with other borders is another height.
  await shopper.still();
}

async function looksFollowTheReader(bench) {
  const shopper = await bench.open('/form', { colorScheme: 'light' });
  await shopper.mount(FORM, { options: { ...DEFERRED, appearance: { theme: 'auto' } } });
  await shopper.frame().locator(':root[data-theme="stripe"]').waitFor();
  await shopper.page.emulateMedia({ colorScheme: 'dark' });
  await shopper.frame().locator(':root[data-theme="night"]').waitFor();
}

export const elements = {
  aFormPays, aFormPaysWithoutTls, aFormBeforeItsIntent, whatIsMissingIsSaid, nothingIsSentOfAnEmptyLine, aFormLeadsBack, aLinePays, aLineIsOneFieldToItsPage, aMethodThatIsKeptPays,
  methodsInEachForm, threeFieldsMakeAToken, aCodeIsAskedForAgain, aConfirmationToken, cardsAreKeptForLater, addressesGoWithTheCard, elementsComeAndGo, looksAreTaken, looksFollowTheReader,
};
