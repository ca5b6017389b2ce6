// 3-D Secure: the issuer's page over the merchant's, and every way to leave it.
import assert from 'node:assert/strict';

const ASKS = '4000002760003184';
const NOT_AUTHENTICATED = 'payment_intent_authentication_failure';

/** A page with a card that the issuer wants to ask about, just confirmed: `window.result` is what comes of it. */
async function asked(bench, { form = true, number = ASKS, options = {}, page = {} } = {}) {
  const shopper = await bench.open('/form', page);
  const { id, client_secret: clientSecret } = await bench.intent();
  await shopper.mount([form ? ['payment', '#pay'] : ['card', '#line']], { options: form ? { clientSecret, ...options } : options });
  await shopper.type({ number }, form ? '#pay' : '#line');
  await shopper.run(({ form, clientSecret }) => {
    window.result = form
      ? stripe.confirmPayment({ elements, redirect: 'if_required' })
      : stripe.confirmCardPayment(clientSecret, { payment_method: { card: elements.getElement('card') } });
  }, { form, clientSecret });
  await shopper.bank().locator('h1').waitFor();
  return { shopper, id, clientSecret, result: () => shopper.outcome(shopper.run(() => window.result)) };
}
const complete = (shopper) => shopper.bank().locator('button[value="complete"]').click();
const gone = async (shopper) => assert.equal(await shopper.overlay().count(), 0);

async function theCardholderAgrees(bench) {
  for (const form of [true, false]) {
    const { shopper, id, result } = await asked(bench, { form });
    await complete(shopper);
    assert.deepEqual(await result(), ['succeeded', null]);
    await gone(shopper);
    assert.equal(await shopper.charges(id), 1);
  }
}

async function theCardholderRefuses(bench) {
  const { shopper, id, result } = await asked(bench);
  await shopper.bank().locator('button[value="fail"]').click();
  assert.deepEqual(await result(), [NOT_AUTHENTICATED, null]);
  await gone(shopper);
  assert.equal(await shopper.charges(id), 0);
}

async function theIssuerDeclinesAfterwards(bench) {
  const { shopper, result } = await asked(bench, { number: '4000008260003178' });
  await complete(shopper);
  assert.deepEqual(await result(), ['card_declined', 'insufficient_funds']);
}

async function nobodyIsAskedWhereTheIssuerKnows(bench) {
  const shopper = await bench.open();
  const { client_secret: clientSecret } = await bench.intent();
  await shopper.mount([['payment', '#pay']], { options: { clientSecret } });
  await shopper.type({ number: '4000000032200000' });
  const paid = shopper.run(() => stripe.confirmPayment({ elements, redirect: 'if_required' }));
  assert.deepEqual(await shopper.outcome(paid), ['succeeded', null]);
}

/** Leaving is no payment, and another card is taken afterwards. */
async function left(bench, leave) {
  const { shopper, id, clientSecret, result } = await asked(bench);
  await leave(shopper);
  assert.deepEqual(await result(), [NOT_AUTHENTICATED, null]);
  await gone(shopper);
  assert.equal(await shopper.run(() => document.activeElement !== null && !document.activeElement.closest('[data-florin]')), true);
  await shopper.type();
  const again = shopper.run((clientSecret) => stripe.confirmPayment({ elements, clientSecret, redirect: 'if_required' }), clientSecret);
  assert.deepEqual(await shopper.outcome(again), ['succeeded', null]);
  assert.equal(await shopper.charges(id), 1);
}
const theCardholderCancels = (bench) => left(bench, (shopper) => shopper.overlay().getByRole('button', { name: 'Cancel' }).click());
const escapeCancels = (bench) => left(bench, (shopper) => shopper.page.keyboard.press('Escape'));

async function theKeyboardStaysInside(bench) {
  const { shopper, result } = await asked(bench);
  const { page } = shopper;
  const where = () => page.evaluate(() => {
    const root = document.querySelector('[data-florin]')?.shadowRoot;
    return document.activeElement?.closest('[data-florin]') ? (root.activeElement?.nodeName ?? 'none') : (document.activeElement?.nodeName ?? 'none');
  });
  assert.equal(await where(), 'DIALOG');
  const seen = new Set();
  for (let n = 0; n < 12; n += 1) {
    await page.keyboard.press('Tab');
    seen.add(await where());
  }
  // The browser's own part of the window is the page's body to it.
  assert.deepEqual([...seen].filter((name) => !['BUTTON', 'IFRAME', 'DIALOG', 'BODY', 'none'].includes(name)), []);
  assert.ok(seen.has('BUTTON') && seen.has('IFRAME'), [...seen].join());
  assert.deepEqual(await page.evaluate(() => document.querySelector('#pay iframe').matches(':focus')), false);
  await shopper.bank().locator('button[value="complete"]').focus();
  await page.keyboard.press('Enter');
  assert.deepEqual(await result(), ['succeeded', null]);
}

async function itFitsAPhone(bench) {
  for (const [width, height] of [[360, 640], [320, 480], [1280, 800]]) {
    const { shopper, result } = await asked(bench, { page: { viewport: { width, height } } });
    const box = await shopper.overlay().boundingBox();
    assert.ok(box.x >= 0 && box.y >= 0 && box.x + box.width <= width && box.y + box.height <= height, JSON.stringify(box));
    assert.equal(box.width, Math.min(width, 500));
    const cancel = await shopper.overlay().getByRole('button', { name: 'Cancel' }).boundingBox();
    assert.ok(cancel.height >= 44 && cancel.x + cancel.width <= width, JSON.stringify(cancel));
    const wide = await shopper.bank().locator('html').evaluate((html) => html.scrollWidth <= html.clientWidth);
    assert.equal(wide, true, 'the issuer\'s page is wider than its window');
    await complete(shopper);
    assert.deepEqual(await result(), ['succeeded', null]);
  }
}

async function itSpeaksTheFormsLanguage(bench) {
  for (const [locale, cancel, failed] of [['ko', '취소', '결제 수단을 인증하지 못했습니다'], ['zh-CN', '取消', '无法验证此付款方式']]) {
    const { shopper } = await asked(bench, { options: { locale } });
    // The browser asks for English: the payment's language wins.
    assert.equal(await shopper.bank().locator('html').getAttribute('lang'), locale.slice(0, 2));
    await shopper.overlay().getByRole('button', { name: cancel }).click();
    const { error } = await shopper.run(() => window.result);
    assert.ok(error.message.startsWith(failed), error.message);
  }
}

async function aServerConfirmedAndThePageGoesOn(bench) {
  const shopper = await bench.open();
  const made = await bench.intent({ payment_method: 'pm_card_authenticationRequired', confirm: true, use_stripe_sdk: true, return_url: 'https://shop.example/back' });
  assert.equal(made.next_action.type, 'use_stripe_sdk');
  await shopper.mount([]);
  await shopper.run((clientSecret) => {
    window.result = stripe.handleNextAction({ clientSecret });
  }, made.client_secret);
  await complete(shopper);
  assert.deepEqual(await shopper.outcome(shopper.run(() => window.result)), ['succeeded', null]);
  // There is nothing left to do: it says what is.
  const again = shopper.run((clientSecret) => stripe.handleNextAction({ clientSecret }), made.client_secret);
  assert.deepEqual(await shopper.outcome(again), ['succeeded', null]);
}

async function withARedirect(bench) {
  const shopper = await bench.open();
  const back = shopper.at('/form?back=1');
  const made = await bench.intent({ payment_method: 'pm_card_authenticationRequired', confirm: true, return_url: back });
  assert.equal(made.next_action.type, 'redirect_to_url');
  await shopper.mount([]);
  await shopper.run((clientSecret) => void stripe.handleNextAction({ clientSecret }), made.client_secret);
  await shopper.page.locator('button[value="complete"]').click();
  await shopper.page.waitForURL(/back=1/);
  assert.equal(new URL(shopper.page.url()).searchParams.get('redirect_status'), 'succeeded');
}

async function thePageLeadsBackAfterwards(bench) {
  const shopper = await bench.open();
  const { client_secret: clientSecret } = await bench.intent();
  await shopper.mount([['payment', '#pay']], { options: { clientSecret } });
  await shopper.type({ number: ASKS });
  const back = shopper.at('/form?back=1');
  await shopper.run((back) => void stripe.confirmPayment({ elements, confirmParams: { return_url: back } }), back);
  await complete(shopper);
  await shopper.page.waitForURL(/back=1/);
  assert.equal(new URL(shopper.page.url()).searchParams.get('redirect_status'), 'succeeded');
}

async function thePageMayActByItself(bench) {
  const shopper = await bench.open();
  const { client_secret: secret } = await bench.intent();
  await shopper.mount([['card', '#line']]);
  await shopper.type({ number: ASKS }, '#line');
  const first = await shopper.run((secret) => stripe.confirmCardPayment(secret, { payment_method: { card: elements.getElement('card') } }, { handleActions: false }), secret);
  assert.deepEqual([first.paymentIntent.status, first.paymentIntent.next_action.type], ['requires_action', 'use_stripe_sdk']);
  await shopper.run((secret) => {
    window.result = stripe.handleCardAction(secret);
  }, secret);
  await complete(shopper);
  assert.deepEqual(await shopper.outcome(shopper.run(() => window.result)), ['succeeded', null]);
}

async function aCardIsKeptAfterItsIssuerAsked(bench) {
  const shopper = await bench.open();
  await shopper.mount([['card', '#line']]);
  await shopper.type({ number: ASKS }, '#line');
  for (const [answer, expected] of [['complete', ['succeeded', null]], ['fail', ['setup_intent_authentication_failure', null]]]) {
    const { client_secret: secret } = await bench.post('/v1/setup_intents', { 'automatic_payment_methods[enabled]': true });
    await shopper.run((secret) => {
      window.result = stripe.confirmCardSetup(secret, { payment_method: { card: elements.getElement('card') } });
    }, secret);
    await shopper.bank().locator(`button[value="${answer}"]`).click();
    assert.deepEqual(await shopper.outcome(shopper.run(() => window.result)), expected);
    await gone(shopper);
  }
}

/** The frame around the bank's page shows no stranger's page under the card origin's name, and nothing outside of a shop's page. */
async function onlyOurOwnPagesAreShown(bench) {
  const shopper = await bench.open();
  const there = '/3ds/authenticate/pi_nobody/nothing';
  const at = (to) => `${bench.card}/frames/challenge?key=${bench.ready.publishable_key}&lang=ko&to=${encodeURIComponent(to)}`;
  const shown = async (to) => {
    await shopper.run((src) => new Promise((loaded) => {
      const frame = document.createElement('iframe');
      Object.assign(frame, { id: 'shown', src });
      frame.onload = loaded;
      document.getElementById('shown')?.remove();
      document.body.append(frame);
    }), at(to));
    const inside = shopper.page.frameLocator('#shown').locator('#bank, main > p');
    return (await inside.getAttribute('src')) ?? (await inside.textContent());
  };
  for (const to of [bench.card + there, bench.httpCard + there]) assert.equal(await shown(to), `${to}?lang=ko`);
  const { host } = new URL(bench.card);
  const refused = [
    'https://evil.example/', `https://evil.example${there}`, `https://${host}@evil.example${there}`, `https://evil.example@${host}${there}`, `http://card.localhost.evil.example${there}`,
    bench.card, `${bench.card}/3ds`, `${bench.card}/3ds/../frames/field`, `${bench.card}/frames/challenge${there}`, `javascript:alert(1)//${there}`, `blob:${bench.card}${there}`, there, '',
  ];
  for (const to of refused) assert.match(await shown(to), /^이 페이지는 상점 페이지 안에서/, to);
  await shopper.still();
  await shopper.page.goto(at(bench.card + there));
  assert.match(await shopper.page.locator('main').textContent(), /^이 페이지는 상점 페이지 안에서/);
  assert.deepEqual(shopper.page.frames().length, 1);
}

/** What an issuer's page may use: passkeys and payment confirmation, and nothing that hears or sees. */
async function theIssuersPageMayAskForAPasskey(bench) {
  const { shopper, result } = await asked(bench);
  const wanted = ['payment', 'publickey-credentials-get', 'camera', 'microphone', 'geolocation'];
  const may = await shopper.bank().locator('html').evaluate((_, wanted) => wanted.filter((name) => document.featurePolicy.allowsFeature(name)), wanted);
  assert.deepEqual(may, ['payment', 'publickey-credentials-get']);
  await complete(shopper);
  assert.deepEqual(await result(), ['succeeded', null]);
}

export const threeds = {
  theIssuersPageMayAskForAPasskey,
  onlyOurOwnPagesAreShown,
  aCardIsKeptAfterItsIssuerAsked,
  theCardholderAgrees, theCardholderRefuses, theIssuerDeclinesAfterwards, nobodyIsAskedWhereTheIssuerKnows, theCardholderCancels, escapeCancels,
  theKeyboardStaysInside, itFitsAPhone, itSpeaksTheFormsLanguage, aServerConfirmedAndThePageGoesOn, withARedirect, thePageLeadsBackAfterwards, thePageMayActByItself,
};
