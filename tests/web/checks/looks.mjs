// Pictures for people: target/web/*.png. A check fails only where something is cut off or wider than its page.
import assert from 'node:assert/strict';

const PHONE = { viewport: { width: 360, height: 740 }, deviceScaleFactor: 2 };
const WIDE = { viewport: { width: 1200, height: 800 } };

async function shot(bench, shopper, name) {
  const { page } = shopper;
  assert.equal(await page.evaluate(() => document.documentElement.scrollWidth <= innerWidth), true, `${name} is wider than its page`);
  for (const frame of page.frames().filter((one) => one.url().includes('/frames/field'))) {
    const cut = await frame.evaluate(() => {
      const root = document.documentElement;
      const texts = [...document.querySelectorAll('.Label, .Error, .Input')].filter((node) => node.scrollWidth > node.clientWidth + 1 && node.nodeName !== 'SELECT');
      return [root.scrollHeight > root.clientHeight, texts.map((node) => node.textContent || node.name || node.className)];
    });
    assert.deepEqual(cut, [false, []], name);
  }
  await bench.picture(name);
}

const EMPTY = [
  ['phone', PHONE, ''], ['wide', WIDE, ''], ['night', PHONE, '&theme=night'], ['ko', PHONE, '&lang=ko&country=KR'], ['zh', PHONE, '&lang=zh&country=US'],
  ['line', PHONE, '&kind=card'], ['line-night', PHONE, '&kind=card&theme=night'],
];

async function forms(bench) {
  for (const [name, options, more] of EMPTY) {
    const shopper = await bench.open(`/shop?order=look-${name}${more}`, options);
    await shopper.page.locator('body[data-ready]').waitFor();
    await shot(bench, shopper, `empty-${name}`);
    await shopper.page.locator('#buy').click();
    await shopper.page.waitForFunction(() => window.results.length > 0);
    await shot(bench, shopper, `error-${name}`);
    await shopper.type();
    await shot(bench, shopper, `filled-${name}`);
  }
}

async function otherElements(bench) {
  const shopper = await bench.open('/form', PHONE);
  await shopper.mount([['cardNumber', '#number', { showIcon: true }], ['cardExpiry', '#expiry'], ['cardCvc', '#cvc'], ['address', '#address', { mode: 'billing', fields: { phone: 'always' } }], ['linkAuthentication', '#email']]);
  await shopper.typeSplit();
  await bench.picture('elements');
}

async function overlays(bench) {
  for (const [name, options, more] of [['phone', PHONE, ''], ['wide', WIDE, ''], ['night', PHONE, '&theme=night'], ['ko', PHONE, '&lang=ko']]) {
    const shopper = await bench.open(`/shop?order=bank-${name}${more}`, { ...options, colorScheme: name === 'night' ? 'dark' : 'light' });
    await shopper.page.locator('body[data-ready]').waitFor();
    await shopper.type({ number: '4000002760003184' });
    await shopper.page.locator('#buy').click();
    await shopper.bank().locator('h1').waitFor();
    await bench.picture(`bank-${name}`);
  }
}

export const looks = { forms, otherElements, overlays };
