// For everybody: axe in the page and in every frame, labels, messages that are read out, words in each language.
import assert from 'node:assert/strict';
import vm from 'node:vm';
import fs from 'node:fs';

/** Nothing that axe calls serious or critical, in any frame of Florin's or in the page around it. */
async function sound(bench, shopper, what) {
  const source = fs.readFileSync(bench.require.resolve('axe-core/axe.min.js'), 'utf8');
  let frames = 0;
  const ground = await shopper.page.evaluate(() => getComputedStyle(document.body).backgroundColor);
  for (const frame of shopper.page.frames()) {
    // A form is on the page's ground, which cannot be seen from within.
    if (frame.url().includes('/frames/field')) await frame.evaluate((colour) => document.documentElement.style.setProperty('background', colour), ground);
    // The issuer's page and hidden frames are looked at as well: they are in front of somebody's screen reader.
    const found = await frame.evaluate(`${source}; axe.run(document, { iframes: false, resultTypes: ['violations'] }).then((all) => all.violations.map((v) => [v.impact, v.id, v.nodes[0].html.slice(0, 160), v.nodes[0].failureSummary]))`);
    const bad = found.filter(([impact]) => impact === 'serious' || impact === 'critical');
    assert.deepEqual(bad, [], `${what}: ${frame.url().split('?')[0]}`);
    frames += 1;
  }
  assert.ok(frames > 1, what);
}

async function theForm(bench) {
  for (const [more, what] of [['', 'light'], ['&theme=night', 'night'], ['&lang=ko', 'ko'], ['&lang=zh', 'zh'], ['&kind=card', 'line']]) {
    const shopper = await bench.open(`/shop?order=axe${what}${more}`);
    await shopper.page.locator('body[data-ready]').waitFor();
    await sound(bench, shopper, what);
    await shopper.page.locator('#buy').click();
    await shopper.page.waitForFunction(() => window.results.length > 0);
    await sound(bench, shopper, `${what}, with messages`);
    await shopper.type();
    await sound(bench, shopper, `${what}, filled in`);
  }
}

async function theOtherElements(bench) {
  const shopper = await bench.open();
  await shopper.mount([['cardNumber', '#number', { showIcon: true }], ['cardExpiry', '#expiry'], ['cardCvc', '#cvc'], ['address', '#address', { mode: 'billing', fields: { phone: 'always' } }], ['linkAuthentication', '#email']]);
  await sound(bench, shopper, 'elements');
}

async function theOverlay(bench) {
  for (const theme of ['stripe', 'night']) {
    const shopper = await bench.open(`/shop?order=axe-bank-${theme}&theme=${theme}`);
    await shopper.page.locator('body[data-ready]').waitFor();
    await shopper.type({ number: '4000002760003184' });
    await shopper.page.locator('#buy').click();
    await shopper.bank().locator('h1').waitFor();
    await sound(bench, shopper, `overlay ${theme}`);
  }
}

async function messagesAreReadOut(bench) {
  const shopper = await bench.open();
  await shopper.mount([['payment', '#pay']], { options: { mode: 'setup' } });
  await shopper.run(() => elements.submit());
  const number = shopper.field('cardnumber');
  assert.equal(await number.getAttribute('aria-invalid'), 'true');
  const note = shopper.frame().locator(`#${await number.getAttribute('aria-describedby')}`);
  assert.deepEqual([await note.getAttribute('aria-live'), await note.textContent()], ['polite', 'The card number is incomplete.']);
  assert.equal(await number.evaluate((node) => node === document.activeElement), true);
  await shopper.type();
  assert.deepEqual([await number.getAttribute('aria-invalid'), await number.getAttribute('aria-describedby')], ['false', null]);
  for (const [name, label] of [['cardnumber', 'Card number'], ['exp-date', 'Expiry date'], ['cvc', 'Security code'], ['country', 'Country or region']]) {
    assert.equal(await shopper.frame().getByLabel(label, { exact: true }).getAttribute('name'), name);
  }
}

async function theFocusIsSeen(bench) {
  const { page, ...rest } = await bench.open('/shop?order=focus');
  await page.locator('body[data-ready]').waitFor();
  const frame = page.frameLocator('#pay iframe');
  for (const name of ['cardnumber', 'exp-date', 'cvc', 'country', 'postal']) {
    const ring = await frame.locator(`[name="${name}"]`).evaluate((node) => {
      const before = getComputedStyle(node).boxShadow;
      node.focus();
      node.getAnimations().forEach((animation) => animation.finish());
      return [before, getComputedStyle(node).boxShadow];
    });
    assert.ok(ring[0] === 'none' && ring[1] !== 'none', `${name}: ${ring}`);
  }
  assert.ok(rest.bench);
}

async function everyLanguageHasEveryWord(bench) {
  const shopper = await bench.open();
  await shopper.mount([['card', '#line']]);
  const frame = shopper.page.frames().find((one) => one.url().includes('/frames/field'));
  const words = await frame.evaluate(() => import('/js/frames/words.js').then(({ WORDS, language }) => [WORDS, ['ko-KR', 'zh-HK', 'zh-TW', 'de', 'en-GB'].map(language)]));
  const [table, chosen] = words;
  assert.deepEqual(chosen, ['ko', 'zh', 'zh', 'en', 'en']);
  const keys = Object.keys(table.en).sort();
  assert.ok(keys.length > 25);
  for (const [language, row] of Object.entries(table)) {
    assert.deepEqual(Object.keys(row).sort(), keys, language);
    for (const [key, word] of Object.entries(row)) assert.ok(word.trim().length > 0, `${language}.${key}`);
  }
  const library = await shopper.file('/js/v1/florin.js');
  const overlay = vm.runInNewContext(`(${/OVERLAY_WORDS = (\{[\s\S]*?\n\});/.exec(library)[1]})`);
  assert.deepEqual(Object.keys(overlay).sort(), Object.keys(table).sort());
  for (const [language, row] of Object.entries(overlay)) {
    assert.deepEqual(Object.keys(row).sort(), ['cancel', 'failed', 'title', 'wait'], language);
    for (const [key, word] of Object.entries(row)) assert.ok(word.trim().length > 0, `${language}.${key}`);
  }
  // Every kind of error has its words.
  const source = [];
  for (const name of ['inputs', 'brands', 'forms', 'field']) source.push(await shopper.file(`/js/frames/${name}.js`));
  const codes = new Set(source.join('\n').match(/'(?:incomplete|invalid)_[a-z_]+'/g));
  for (const code of codes) assert.ok(keys.includes(code.slice(1, -1)), code);
  assert.ok(codes.size >= 10);
}

export const access = { theForm, theOtherElements, theOverlay, messagesAreReadOut, theFocusIsSeen, everyLanguageHasEveryWord };
