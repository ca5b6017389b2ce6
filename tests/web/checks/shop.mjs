// The demo's shop as a stranger finds it: ordering, paying, everything that people do in between, and the people who sell.
import assert from 'node:assert/strict';
import fs from 'node:fs';

const FORM = '#card-form';
const PHONE = { viewport: { width: 360, height: 740 }, deviceScaleFactor: 2 };
const WIDE = { viewport: { width: 1280, height: 900 } };
const DECLINED = { number: '4000000000000002' };
const WRONG_CODE = { number: '4000000000000127' };
const ASKS = { number: '4000002760003184' };
const PASSWORD = 'a long sentence for the test';

const stage = (shopper) => shopper.page.locator('[data-stage]').getAttribute('data-stage');
const settled = (shopper, wanted) => shopper.page.locator(`[data-stage="${wanted}"]`).waitFor();

/** Puts something into the cart and orders it: the page with the card form is open. */
async function order(bench, { slug = 'teapot', page = {}, path = '/' } = {}) {
  return orderIn(bench, await bench.open(bench.ready.http_shop + path, page), slug);
}
async function orderIn(bench, shopper, slug) {
  const { page: tab } = shopper;
  await tab.goto(`${bench.ready.http_shop}/products/${slug}`);
  if (await tab.locator('[name=slot]').count()) await tab.locator('[name=slot]:enabled').first().check({ force: true });
  await tab.locator('main form button').first().click();
  await tab.locator('a[href="/checkout"]').click();
  await tab.locator('[name=name]').fill('Ada Lovelace');
  await tab.locator('[name=email]').fill('ada@lovelace.example');
  if (await tab.locator('[name=line1]').count()) {
    await tab.locator('[name=line1]').fill('Keizersgracht 1');
    await tab.locator('[name=postal]').fill('1015 CC');
    await tab.locator('[name=city]').fill('Amsterdam');
  }
  await tab.locator('main form button').first().click();
  await formReady(shopper);
  await shopper.still();
  return shopper;
}
async function formReady(shopper) {
  await shopper.page.locator('#pay-button:enabled').waitFor();
}
async function pay(shopper, card) {
  await shopper.type(card, FORM);
  await shopper.page.locator('#pay-button').click();
}
/** Payments of the order that is open, as the gateway has them. */
async function payments(bench, shopper) {
  const id = new URL(shopper.page.url()).pathname.split('/')[2];
  const list = await bench.get('/v1/payment_intents?limit=100');
  return list.data.filter((one) => one.metadata.order === id);
}
async function paidOnce(bench, shopper, amount) {
  await settled(shopper, 'paid');
  const all = await payments(bench, shopper);
  assert.deepEqual(all.map((one) => [one.status, one.amount_received, one.currency]), [['succeeded', amount, 'eur']]);
  assert.equal(await shopper.charges(all[0].id), 1);
}
async function fault(shopper) {
  await shopper.page.locator('#pay-fault:visible').waitFor();
  return shopper.page.locator('#pay-fault').textContent();
}

async function buys(bench) {
  const shopper = await order(bench);
  await bench.picture('shop-pay');
  await pay(shopper);
  await paidOnce(bench, shopper, 4800);
  await bench.picture('shop-paid');
  await shopper.page.locator('a[href*="/receipt"]').click();
  assert.match(await shopper.page.locator('.receipt').textContent(), /€48\.00/);
  await shopper.page.goto(`${bench.ready.http_shop}/orders`);
  assert.equal(await shopper.page.locator('main .badge.good').count(), 1);
}

async function isDeclinedThenPays(bench) {
  const shopper = await order(bench, { slug: 'cups' });
  await pay(shopper, DECLINED);
  assert.match(await fault(shopper), /declined/);
  await formReady(shopper);
  await pay(shopper);
  await paidOnce(bench, shopper, 2600);
}

async function givesAWrongCode(bench) {
  const shopper = await order(bench, { slug: 'tea' });
  await pay(shopper, WRONG_CODE);
  assert.match(await fault(shopper), /security code/);
  await formReady(shopper);
  await pay(shopper);
  await paidOnce(bench, shopper, 1450);
}

async function clicksTwice(bench) {
  const shopper = await order(bench, { slug: 'candle' });
  await shopper.type({}, FORM);
  await shopper.page.evaluate(() => {
    const form = document.getElementById('pay');
    form.requestSubmit();
    form.requestSubmit();
  });
  await paidOnce(bench, shopper, 1800);
}

async function loadsAgainInTheMiddle(bench) {
  const shopper = await order(bench, { slug: 'notebook' });
  await shopper.type({}, FORM);
  const sent = shopper.page.waitForRequest((request) => request.method() === 'POST' && request.url().includes('/pay?'));
  await shopper.page.locator('#pay-button').click();
  await sent;
  // The page may be on its way to the next one already: then it is loaded again there.
  await shopper.page.reload().catch(() => shopper.page.reload());
  await settled(shopper, 'paid').catch(async () => {
    // The reload was first: the form is there again.
    await formReady(shopper);
    await pay(shopper);
  });
  await paidOnce(bench, shopper, 1200);
}

async function goesBack(bench) {
  const shopper = await order(bench, { slug: 'vase' });
  await pay(shopper);
  await paidOnce(bench, shopper, 3200);
  await shopper.page.goBack();
  // The form of what is paid is not offered again.
  await shopper.page.waitForURL((url) => !url.pathname.endsWith('/pay'));
  await paidOnce(bench, shopper, 3200);
}

async function hasTwoTabs(bench) {
  const shopper = await order(bench, { slug: 'print' });
  const other = await bench.open(shopper.page.url());
  await formReady(other);
  await other.still();
  await pay(other);
  await settled(other, 'paid');
  await pay(shopper);
  await paidOnce(bench, shopper, 2200);
}

async function isAskedByTheBank(bench) {
  const shopper = await order(bench, { slug: 'cups' });
  await pay(shopper, ASKS);
  await shopper.bank().locator('h1').waitFor();
  await bench.picture('shop-bank');
  await shopper.bank().locator('button[value="fail"]').click();
  await shopper.page.waitForURL(/again=1/);
  await formReady(shopper);
  await shopper.still();
  await pay(shopper, ASKS);
  await shopper.bank().locator('button[value="complete"]').click();
  await paidOnce(bench, shopper, 2600);
}

async function booksATime(bench) {
  const shopper = await order(bench, { slug: 'tasting', page: PHONE });
  await pay(shopper);
  await paidOnce(bench, shopper, 3500);
}

async function readsThreeLanguages(bench) {
  for (const [locale, lang, title] of [['en-US', 'en', 'Your cart'], ['ko-KR', 'ko', '장바구니'], ['zh-CN', 'zh', '购物车']]) {
    const shopper = await bench.open(`${bench.ready.http_shop}/cart`, { ...PHONE, locale });
    assert.deepEqual([await shopper.page.locator('html').getAttribute('lang'), await shopper.page.locator('h1').textContent()], [lang, title]);
    await shopper.page.locator('button[value="ko"]').click();
    assert.equal(await shopper.page.locator('h1').textContent(), '장바구니');
    await shopper.page.locator('button[value="usd"]').click();
    await shopper.page.goto(`${bench.ready.http_shop}/products/teapot`);
    assert.match(await shopper.page.locator('.price').textContent(), /^\$52\.00$/);
  }
}

/** Into the back office: its password is set once, by the link that the demo printed. */
async function desk(bench) {
  const sells = await bench.open(`${bench.ready.http_shop}/admin/sign-in`, WIDE);
  const { page } = sells;
  if (!bench.deskOpen) {
    await page.goto(bench.ready.shop_admin);
    await page.locator('[name=password]').fill(PASSWORD);
    await page.locator('[name=again]').fill(PASSWORD);
    bench.deskOpen = true;
  } else {
    await page.locator('[name=password]').fill(PASSWORD);
  }
  await page.locator('main form button').click();
  await page.waitForURL('**/admin');
  return sells;
}

async function wantsMoneyBack(bench) {
  const shopper = await order(bench, { slug: 'blanket' });
  await pay(shopper);
  await paidOnce(bench, shopper, 8900);
  const link = shopper.page.url();
  await unfold(shopper, 'details:has([name=reason])');
  await shopper.page.locator('[name=reason]').fill('It is the wrong colour <script>');
  await shopper.page.locator('details:has([name=reason]) button').click();
  const sells = await desk(bench);
  await sells.page.goto(`${bench.ready.http_shop}/admin/refunds`);
  assert.match(await sells.page.locator('blockquote').first().textContent(), /wrong colour <script>/);
  await bench.picture('shop-desk-refunds');
  await sells.page.locator('button[value="grant"]').first().click();
  await sells.page.locator('blockquote').first().waitFor();
  await shopper.page.goto(link);
  await settled(shopper, 'refunded');
  const [payment] = await payments(bench, shopper);
  const refunds = await bench.get(`/v1/refunds?payment_intent=${payment.id}`);
  assert.deepEqual(refunds.data.map((one) => [one.status, one.amount]), [['succeeded', 8900]]);
}

async function givesAPartBack(bench) {
  const shopper = await order(bench, { slug: 'teapot' });
  await pay(shopper);
  await paidOnce(bench, shopper, 4800);
  const id = new URL(shopper.page.url()).pathname.split('/')[2];
  const { page } = await desk(bench);
  await page.goto(`${bench.ready.http_shop}/admin/orders/${id}`);
  await page.locator('[name=amount]').fill('8.50');
  await page.locator('.button.danger').click();
  await page.locator('text=€8.50').first().waitFor();
  await page.locator('form[action$="/fulfil"] button').click();
  assert.equal(await page.locator('[data-stage]').getAttribute('data-stage'), 'fulfilled');
  await bench.picture('shop-desk-order');
  const [payment] = await payments(bench, shopper);
  const refunds = await bench.get(`/v1/refunds?payment_intent=${payment.id}`);
  assert.deepEqual(refunds.data.map((one) => [one.status, one.amount]), [['succeeded', 850]]);
}

/** Opens what is folded up. What is below moves then, as whoever opened it expects; however late a busy machine paints that. */
async function unfold(shopper, which = 'main details') {
  shopper.since = Infinity;
  for (const more of await shopper.page.locator(`${which} summary`).all()) await more.click();
}

/** Signs somebody new up, with a browser of theirs. */
async function signUp(bench, shopper, email) {
  const { page } = shopper;
  await page.goto(`${bench.ready.http_shop}/account/sign-up`);
  await page.locator('[name=email]').fill(email);
  await page.locator('[name=password]').fill(PASSWORD);
  await page.locator('[name=again]').fill(PASSWORD);
  await page.locator('main form .button').click();
  await page.waitForURL('**/account');
}

/** An account keeps what was ordered as a guest and what comes after; a booking moves; then the account is deleted. */
async function hasAnAccount(bench) {
  const { http_shop: base } = bench.ready;
  const shopper = await order(bench, { slug: 'cups' });
  const { page } = shopper;
  await pay(shopper);
  await paidOnce(bench, shopper, 2600);
  await unfold(shopper, 'details:has([name=city])');
  await page.locator('[name=city]').fill('Haarlem');
  await bench.picture('shop-address');
  await page.locator('form[action*="/address"] button').click();
  await page.waitForURL(/said=address/);
  assert.match(await page.locator('main').textContent(), /Haarlem/);
  await signUp(bench, shopper, 'Ada@Lovelace.example');
  assert.equal(await page.locator('main .badge.good').count(), 1);
  await orderIn(bench, shopper, 'tasting');
  await pay(shopper);
  await paidOnce(bench, shopper, 3500);
  const link = page.url();
  await page.goto(`${base}/account`);
  assert.equal(await page.locator('main .badge.good').count(), 2);
  await page.locator('main ul').first().locator('a').click();
  assert.equal(new URL(page.url()).pathname, new URL(link).pathname);
  await unfold(shopper, 'details:has([name=to])');
  await page.locator('[name=to]').selectOption({ index: 3 });
  const picked = await page.locator('[name=to] option:checked').textContent();
  await bench.picture('shop-move');
  await page.locator('form[action*="/move"] button').click();
  await page.waitForURL(/said=moved/);
  assert.equal(await page.locator('.lines time').first().textContent(), picked.split(' · ')[0]);
  await page.goto(`${base}/account/data`);
  await page.locator('[name=city]').fill('Delft');
  await page.locator('form[action="/account/data"] button').click();
  await page.locator('.notice.good').waitFor();
  const file = page.waitForEvent('download');
  await page.locator('a[download]').click();
  const told = JSON.parse(fs.readFileSync(await (await file).path(), 'utf8'));
  assert.deepEqual([told.account.city, told.orders.map((one) => one.total)], ['Delft', [3500, 2600]]);
  await unfold(shopper);
  await page.locator('#delete-password').fill(PASSWORD);
  await page.locator('.button.danger').click();
  await page.locator('h1').waitFor();
  await page.goto(`${base}/account`);
  assert.equal(new URL(page.url()).pathname, '/account/sign-in');
}

/** Every kind of page of the shop, its back office, and the journey. */
async function everyPage(bench) {
  const shopper = await order(bench, { slug: 'cups', page: PHONE });
  await pay(shopper);
  await settled(shopper, 'paid');
  const paid = shopper.page.url();
  const [payment] = await payments(bench, shopper);
  const journey = (await bench.get(`/v1/florin/payments/${payment.id}/journey`)).url;
  const { http_shop: base, http_dashboard: dashboard } = bench.ready;
  const pages = { home: '/', product: '/products/vase', service: '/products/tasting', cart: '/cart', checkout: '/checkout', orders: '/orders', order: paid, receipt: paid.replace('?', '/receipt?'), nowhere: '/nowhere', 'sign-in': '/admin/sign-in', 'account-in': '/account/sign-in', 'account-up': '/account/sign-up', journey, dashboard };
  const looks = [['light', PHONE.viewport, 'en-US'], ['dark', WIDE.viewport, 'ko-KR'], ['light', WIDE.viewport, 'zh-CN'], ['dark', PHONE.viewport, 'en-US']];
  for (const [colorScheme, viewport, locale] of looks) {
    const look = await bench.open(`${base}/products/cups`, { viewport, colorScheme, locale });
    await look.page.locator('main form button').first().click();
    for (const [name, path] of Object.entries(pages)) {
      const answer = await look.page.goto(new URL(path, base).href);
      assert.equal(answer.status(), name === 'nowhere' ? 404 : 200, name);
      if (name === 'order') await unfold(look);
      await bench.sound(look.page, name, `${colorScheme}-${viewport.width}`);
    }
    const open = await order(bench, { slug: 'cups', page: { viewport, colorScheme, locale } });
    await bench.sound(open.page, 'pay', `${colorScheme}-${viewport.width}`);
    // Somebody with an account, and an order with a booking.
    await signUp(bench, open, `${colorScheme}${viewport.width}@look.example`);
    const booked = await orderIn(bench, open, 'workshop');
    const own = { 'order-booked': booked.page.url().replace('/pay?', '?'), account: '/account', 'account-data': '/account/data' };
    for (const [name, path] of Object.entries(own)) {
      await open.page.goto(new URL(path, base).href);
      await unfold(open);
      await bench.sound(open.page, name, `${colorScheme}-${viewport.width}`);
    }
  }
  const id = new URL(paid).pathname.split('/')[2];
  const { page } = await desk(bench);
  for (const viewport of [WIDE.viewport, PHONE.viewport]) {
    // A page that is shown while the window changes has to move.
    await page.goto('about:blank');
    await page.setViewportSize(viewport);
    for (const [name, path] of Object.entries({ desk: '/admin', 'desk-refunds': '/admin/refunds', 'desk-stock': '/admin/stock', 'desk-order': `/admin/orders/${id}` })) {
      const answer = await page.goto(`${base}${path}`);
      assert.equal(answer.status(), 200, path);
      await bench.sound(page, name, `light-${viewport.width}`);
    }
  }
}

export const shop = { buys, isDeclinedThenPays, givesAWrongCode, clicksTwice, loadsAgainInTheMiddle, goesBack, hasTwoTabs, isAskedByTheBank, booksATime, readsThreeLanguages, wantsMoneyBack, givesAPartBack, hasAnAccount, everyPage };
