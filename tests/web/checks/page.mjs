// What people do to pages: keys alone, twice, again, back, in two windows.
import assert from 'node:assert/strict';

const paidNote = (shopper) => shopper.page.locator('#status', { hasText: 'succeeded' }).waitFor();

async function shop(bench, order, { shopper, more = '' } = {}) {
  const where = `/shop?order=${order}${more}`;
  const one = shopper ?? (await bench.open(where));
  if (shopper) await shopper.page.goto(shopper.at(where));
  await one.page.locator('body[data-ready]').waitFor();
  return { one, id: await one.page.locator('body').getAttribute('data-ready') };
}

async function keysAlone(bench) {
  const { one, id } = await shop(bench, 'keys');
  const { page } = one;
  one.typed.push({ number: '4242424242424242', cvc: '737' });
  // From the top of the page: each full field hands on; the country is passed by; Enter in the last field sends the form.
  await page.keyboard.press('Tab');
  await page.keyboard.type('4242424242424242');
  await page.keyboard.type('1234');
  await page.keyboard.type('737');
  await page.keyboard.type('90210');
  await page.keyboard.press('Enter');
  await paidNote(one);
  assert.equal(await one.charges(id), 1);
}

async function throughTheButton(bench) {
  const { one, id } = await shop(bench, 'button');
  await one.type();
  const { page } = one;
  await page.keyboard.press('Tab');
  assert.equal(await page.evaluate(() => document.activeElement.id), 'buy');
  await page.keyboard.press('Space');
  await paidNote(one);
  assert.equal(await one.charges(id), 1);
}

async function twoClicks(bench) {
  const { one, id } = await shop(bench, 'twice');
  await one.type();
  await one.page.locator('#buy').dblclick();
  await paidNote(one);
  await one.page.waitForFunction(() => window.results.length === 2);
  assert.deepEqual(await one.run(() => window.results), ['succeeded', 'succeeded']);
  assert.equal(await one.charges(id), 1);
}

async function declinedThenPaid(bench) {
  const { one, id } = await shop(bench, 'declined');
  await one.type({ number: '4000000000000127' });
  await one.page.locator('#buy').click();
  await one.page.locator('#said', { hasText: 'security code' }).waitFor();
  await one.type();
  await one.page.locator('#buy').click();
  await paidNote(one);
  assert.equal(await one.charges(id), 1);
}

async function aReloadInTheMiddle(bench) {
  const { one, id } = await shop(bench, 'reload');
  await one.type();
  await one.page.locator('#buy').click();
  await one.page.reload();
  await one.page.locator('body[data-ready]').waitFor();
  // Whether the request had left or not: the shopper sends again, and pays once.
  const paid = () => one.run(() => document.getElementById('status').textContent.includes('succeeded'));
  if (!(await paid())) {
    await one.type();
    await one.page.locator('#buy').click();
    await one.page.waitForFunction(() => window.results.length > 0 || document.getElementById('status').textContent !== '');
  }
  await one.page.reload();
  await paidNote(one);
  assert.equal(await one.charges(id), 1);
}

async function backAndForth(bench) {
  const { one, id } = await shop(bench, 'back');
  await one.type();
  await one.page.locator('#buy').click();
  await paidNote(one);
  await one.page.goto(one.at('/form'));
  await one.page.goBack();
  await paidNote(one);
  await one.page.locator('body[data-ready]').waitFor();
  await one.type();
  await one.page.locator('#buy').click();
  await one.page.waitForFunction(() => window.results.length > 0);
  assert.equal(await one.charges(id), 1);
}

async function twoWindows(bench) {
  const { one, id } = await shop(bench, 'windows');
  const { one: two } = await shop(bench, 'windows');
  await one.type();
  await two.type({ number: '5555555555554444' });
  const done = (shopper) => shopper.page.waitForFunction(() => window.results.length > 0);
  await Promise.all([one.page.locator('#buy').click(), two.page.locator('#buy').click()]);
  await Promise.all([done(one), done(two)]);
  assert.equal(await one.charges(id), 1);
}

async function aFrameThatIsMoved(bench) {
  const { one } = await shop(bench, 'moved');
  // A page that moves the form makes its frame load again: it is greeted again, empty.
  await one.run(() => document.querySelector('main').append(document.getElementById('form')));
  await one.type();
  await one.page.locator('#buy').click();
  await paidNote(one);
  await one.still();
}

async function nothingIsLeftBehind(bench) {
  const { one } = await shop(bench, 'traces');
  await one.type();
  await one.page.locator('#buy').click();
  await paidNote(one);
  assert.deepEqual(await one.page.context().cookies(), []);
  for (const frame of one.page.frames().filter((frame) => frame.url().startsWith(bench.card))) {
    const kept = await frame.evaluate(() => [() => localStorage.length, () => sessionStorage.length].map((count) => {
      try {
        return count();
      } catch {
        return 0;
      }
    }));
    assert.deepEqual(kept, [0, 0], frame.url());
  }
}

async function aStrangerSeesNothing(bench) {
  const { one } = await shop(bench, 'stranger');
  await one.type();
  const seen = await one.run(() => [...document.querySelectorAll('iframe')].map((frame) => {
    const tries = [() => frame.contentDocument, () => frame.contentWindow.document.body, () => frame.contentWindow.florin, () => frame.contentWindow.eval('1')];
    return tries.map((look) => {
      try {
        return look() === null ? 'refused' : 'seen';
      } catch {
        return 'refused';
      }
    }).join();
  }));
  assert.deepEqual([...new Set(seen)], ['refused,refused,refused,refused']);
  // A second greeting is not listened to.
  const heard = await one.run(() => new Promise((resolve) => {
    const { port1, port2 } = new MessageChannel();
    port1.onmessage = ({ data }) => resolve(data);
    const frame = document.querySelector('#pay iframe');
    frame.contentWindow.postMessage({ florin: 'init', group: 'x', kind: 'payment', options: {} }, new URL(frame.src).origin, [port2]);
    // A line to the same frame that comes back says that the greeting was passed over before.
    elementsAnswered().then(() => resolve('nothing'));
    function elementsAnswered() {
      return new Promise((done) => {
        const second = document.createElement('iframe');
        second.src = frame.src;
        second.onload = () => done();
        document.body.append(second);
      });
    }
  }));
  assert.equal(heard, 'nothing');
  await one.still();
}

/** A page that greets the calling frame itself can ask for nothing but what the library asks for. */
async function onlyTheLibrarysCalls(bench) {
  const { one } = await shop(bench, 'calls');
  await one.type();
  const codes = await one.run(async (pk) => {
    const origin = new URL(document.querySelector('#pay iframe').src).origin;
    const frame = document.createElement('iframe');
    frame.src = `${origin}/frames/controller?key=${pk}`;
    await new Promise((loaded) => {
      frame.onload = loaded;
      document.body.append(frame);
    });
    const { port1, port2 } = new MessageChannel();
    const waiting = new Map();
    port1.onmessage = ({ data }) => waiting.get(data.id)?.(data.answer);
    frame.contentWindow.postMessage({ florin: 'init', kind: 'controller', group: 'x' }, origin, [port2]);
    const asked = [
      ['GET', '/v1/balance'], ['POST', '/v1/refunds'], ['GET', '//evil.example/'], ['POST', 'https://evil.example/v1/tokens'], ['POST', '/csp-reports'],
      ['POST', '/v1/payment_methods', 'cvc_update'], ['GET', '/v1/payment_intents/pi_1', 'root'], ['DELETE', '/v1/payment_methods'],
    ];
    return Promise.all(asked.map(([method, path, into], id) => new Promise((resolve) => {
      waiting.set(id, (answer) => resolve(answer.error.code));
      port1.postMessage({ id, op: 'request', args: { method, path, params: {}, card: into && { group: 'x', into } } });
    })));
  }, bench.ready.publishable_key);
  assert.deepEqual([...new Set(codes)], ['feature_not_supported']);
  await one.still();
}

/** The frame that calls comes only after the page was told that the payment failed: it must not pay then. */
async function whatFailedIsNotPaidLater(bench) {
  const one = await bench.open();
  const { id, client_secret: secret } = await bench.intent();
  await one.mount([['card', '#line']]);
  await one.type({}, '#line');
  let release;
  const held = new Promise((resolve) => {
    release = resolve;
  });
  const asked = [];
  one.page.on('request', (request) => asked.push(`${request.method()} ${new URL(request.url()).pathname}`));
  await one.page.route(/frames\/controller/, (route) => held.then(() => route.continue()));
  await one.page.clock.install();
  await one.run((secret) => {
    window.result = stripe.confirmCardPayment(secret, { payment_method: { card: elements.getElement('card') } });
  }, secret);
  await one.page.locator('iframe[src*="frames/controller"]').waitFor({ state: 'attached' });
  await one.page.clock.fastForward(21_000);
  const { error } = await one.run(() => window.result);
  assert.equal(error.code, 'frame_not_loaded');
  const greetings = () => one.heard.filter((text) => text.includes('"greeted"')).length;
  const before = greetings();
  release();
  while (greetings() === before) await one.run(() => new Promise(requestAnimationFrame));
  // What is asked now comes after whatever the frame was told when it came.
  const { paymentIntent } = await one.run((secret) => stripe.retrievePaymentIntent(secret), secret);
  assert.equal(paymentIntent.status, 'requires_payment_method');
  assert.deepEqual(asked.filter((what) => what.startsWith('POST')), []);
  assert.equal(await one.charges(id), 0);
}

/** Pages that draw themselves anew (Turbo, a framework's router) take the frame that calls along with the old body. */
async function aBodyThatIsReplaced(bench) {
  const one = await bench.open();
  const made = await bench.intent();
  const status = () => one.run(async (secret) => (await stripe.retrievePaymentIntent(secret)).paymentIntent?.status, made.client_secret);
  await one.mount([]);
  assert.equal(await status(), 'requires_payment_method');
  await one.run(() => document.documentElement.replaceChild(document.createElement('body'), document.body));
  assert.equal(await one.page.locator('iframe').count(), 0);
  assert.equal(await status(), 'requires_payment_method');
  assert.equal(await one.page.locator('iframe').count(), 1);
}

/** Without a connection at first, the next try finds the frame. */
async function aFrameThatDidNotCome(bench) {
  const one = await bench.open();
  const { client_secret: secret } = await bench.intent();
  await one.mount([]);
  await one.page.route(/frames\/controller/, () => {}, { times: 1 });
  await one.page.clock.install();
  const ask = () => one.run((secret) => {
    window.result = stripe.retrievePaymentIntent(secret);
  }, secret);
  await ask();
  await one.page.locator('iframe').waitFor({ state: 'attached' });
  await one.page.clock.fastForward(21_000);
  assert.equal((await one.run(() => window.result)).error.code, 'frame_not_loaded');
  await ask();
  assert.equal((await one.run(() => window.result)).paymentIntent.status, 'requires_payment_method');
  assert.equal(await one.page.locator('iframe').count(), 1);
}

export const page = { aBodyThatIsReplaced, aFrameThatDidNotCome, onlyTheLibrarysCalls, whatFailedIsNotPaidLater, keysAlone, throughTheButton, twoClicks, declinedThenPaid, aReloadInTheMiddle, backAndForth, twoWindows, aFrameThatIsMoved, nothingIsLeftBehind, aStrangerSeesNothing };
