// The house's people in a real browser: enrolling, every way in, what must not work, and each page for everybody's eyes and hands.
import assert from 'node:assert/strict';
import { createHmac } from 'node:crypto';
import http from 'node:http';

const EMAIL = 'ada@shop.example';
const PASSWORD = 'a long sentence for the test';
const PHONE = { viewport: { width: 360, height: 740 } };
const WIDE = { viewport: { width: 1180, height: 900 } };
/** What one check leaves for the next: who there is, and which codes are left. */
const ada = { codes: [] };

const at = (bench, path) => bench.ready.http_dashboard + path;
const heading = (page) => page.locator('h1').textContent();
const says = (page, words) => page.getByText(words).first().waitFor();

/** RFC 6238 with SHA-1, six digits and steps of 30 seconds; `step` counts from the one that is now. */
function totp(key, step = 0) {
  const bits = [...key.replace(/\s/g, '')].map((c) => 'ABCDEFGHIJKLMNOPQRSTUVWXYZ234567'.indexOf(c).toString(2).padStart(5, '0')).join('');
  const secret = Buffer.from(bits.match(/.{8}/g).map((byte) => Number.parseInt(byte, 2)));
  const counter = Buffer.alloc(8);
  counter.writeBigUInt64BE(BigInt(Math.floor(Date.now() / 30_000) + step));
  const mac = createHmac('sha1', secret).update(counter).digest();
  const from = mac[19] & 15;
  return String((mac.readUInt32BE(from) & 0x7fffffff) % 1_000_000).padStart(6, '0');
}

/** An authenticator that lives in the browser (WebAuthn §11, automation). */
async function authenticator(page) {
  const cdp = await page.context().newCDPSession(page);
  await cdp.send('WebAuthn.enable');
  const options = { protocol: 'ctap2', transport: 'internal', hasResidentKey: true, hasUserVerification: true, isUserVerified: true, automaticPresenceSimulation: true };
  const { authenticatorId } = await cdp.send('WebAuthn.addVirtualAuthenticator', { options });
  const credentials = async () => (await cdp.send('WebAuthn.getCredentials', { authenticatorId })).credentials;
  const put = (credential) => cdp.send('WebAuthn.addCredential', { authenticatorId, credential });
  return { cdp, credentials, put, clear: () => cdp.send('WebAuthn.clearCredentials', { authenticatorId }) };
}

/** Sends a form; while a lock of some seconds holds, again. */
async function send(page, fill, button) {
  for (;;) {
    await fill();
    await Promise.all([page.waitForResponse((answer) => answer.request().method() === 'POST'), button.click()]);
    await page.waitForLoadState();
    if ((await page.getByText('Too many tries').count()) === 0) return;
  }
}
async function password(page, { email = EMAIL, word = PASSWORD } = {}) {
  await send(page, async () => {
    await page.locator('#email').fill(email);
    await page.locator('#password').fill(word);
  }, page.getByRole('button', { name: 'Sign in with password' }));
}
const prove = (page, code) => send(page, () => page.locator('#code').fill(code), page.locator('form:has(#code) button.button').first());
/** A request that no browser makes. The name is a browser's alone, so the address is said. */
function raw(bench, path, { method = 'GET', headers = {} } = {}) {
  const { host, port } = new URL(bench.ready.http_dashboard);
  return new Promise((resolve, reject) => {
    const asked = http.request({ host: '127.0.0.1', port, path, method, headers: { ...headers, host } }, (answer) => answer.resume().on('end', () => resolve(answer)));
    asked.on('error', reject).end();
  });
}
/** In by password and the next recovery code: whoever is in so has a fresh factor. */
async function signIn(bench, options = {}) {
  const shopper = await bench.open(at(bench, '/sign-in'), options);
  const { page } = shopper;
  await password(page);
  await page.goto(at(bench, '/sign-in/second?by=recovery'));
  await prove(page, ada.codes.pop());
  assert.match(await heading(page), /Ada/);
  return shopper;
}

async function enrols(bench) {
  const { page } = await bench.open(bench.ready.dashboard_enrol, WIDE);
  ada.link = bench.ready.dashboard_enrol;
  assert.equal(new URL(page.url()).pathname, '/enrol', 'the token left the address');
  await page.locator('#name').fill('Ada Sample');
  await page.locator('#email').fill(EMAIL);
  await page.locator('#new-password').fill('too short');
  await says(page, '6 more to go');
  await page.getByRole('button', { name: 'Continue' }).click();
  await says(page, 'Nothing was done yet');
  assert.deepEqual([await page.locator('#email').inputValue(), await page.locator('#new-password').inputValue()], [EMAIL, '']);
  assert.equal(await page.locator('#new-password').evaluate((field) => field === document.activeElement), true);
  await page.locator('#new-password').fill(PASSWORD);
  await page.getByRole('button', { name: 'Continue' }).click();
  await says(page, 'A password alone opens nothing here');
  // Nobody is in yet.
  const outside = await page.context().newPage();
  await outside.goto(at(bench, '/security'));
  assert.equal(new URL(outside.url()).pathname, '/sign-in');
  await outside.close();
  await page.getByRole('link', { name: 'Use an authenticator app instead' }).click();
  ada.key = await page.locator('code.key').textContent();
  assert.ok(await page.locator('svg.qr path').getAttribute('d'));
  await bench.picture('people-enrol-totp');
  await prove(page, '000000');
  assert.equal(await page.locator('code.key').textContent(), ada.key, 'a wrong code keeps the secret');
  await prove(page, totp(ada.key, -1));
  ada.codes = await page.locator('#codes code').allTextContents();
  assert.equal(ada.codes.length, 10);
  await bench.picture('people-codes');
  await page.locator('#kept').check();
  await page.getByRole('button', { name: 'Continue' }).click();
  assert.equal(await heading(page), 'Hello, Ada Sample');
  await bench.picture('people-start');
  // Browsers ask before they send a form again.
  await page.goBack().catch(() => {});
  assert.equal(await page.getByText(ada.codes[0]).count(), 0, 'the codes are shown once');
}

async function aLinkIsUsedOnce(bench) {
  const { page } = await bench.open(ada.link);
  assert.equal(await heading(page), 'This was used already');
  await page.goto(at(bench, '/enrol/' + 'A'.repeat(43)));
  assert.equal(await heading(page), 'This does not open anything');
}

async function aCodeOfTheAppWorksOnce(bench) {
  const code = totp(ada.key);
  const first = await bench.open(at(bench, '/sign-in'));
  await password(first.page);
  await says(first.page, 'Second factor');
  await first.page.goto(at(bench, '/sign-in/second?by=totp'));
  await prove(first.page, code);
  assert.equal(await heading(first.page), 'Hello, Ada Sample');
  const again = await bench.open(at(bench, '/sign-in'));
  await password(again.page);
  await again.page.goto(at(bench, '/sign-in/second?by=totp'));
  await prove(again.page, code);
  assert.equal(await heading(again.page), 'Second factor');
  await again.page.goto(at(bench, '/team'));
  assert.equal(new URL(again.page.url()).pathname, '/sign-in', 'a password alone has no rights');
}

async function aRecoveryCodeWorksOnce(bench) {
  const used = ada.codes.at(-1);
  await signIn(bench);
  const { page } = await bench.open(at(bench, '/sign-in'));
  await password(page);
  await page.goto(at(bench, '/sign-in/second?by=recovery'));
  await prove(page, used);
  assert.equal(await heading(page), 'Second factor');
}

async function nobodyIsToldWhoExists(bench) {
  const seen = [];
  for (const email of ['nobody@shop.example', 'ghost@shop.example']) {
    const { page } = await bench.open(at(bench, '/sign-in'));
    await password(page, { email, word: 'some other long sentence' });
    seen.push((await page.locator('[role=alert]').first().textContent()).trim());
  }
  const { page } = await bench.open(at(bench, '/sign-in'));
  await password(page, { word: 'some other long sentence' });
  seen.push((await page.locator('[role=alert]').first().textContent()).trim());
  assert.deepEqual([...new Set(seen)].length, 1, seen.join('|'));
  // In again: the count of tries begins anew.
  await page.goto(at(bench, '/sign-in'));
  await password(page);
  assert.equal(await heading(page), 'Second factor');
}

async function passkeys(bench) {
  const { page } = await signIn(bench, WIDE);
  const keys = await authenticator(page);
  await page.goto(at(bench, '/security/passkey'));
  await page.locator('#label').fill('Work laptop');
  await page.getByRole('button', { name: 'Make a passkey' }).click();
  await says(page, 'The passkey was added.');
  await bench.picture('people-security');
  await page.locator('details.person > summary').click();
  await page.getByRole('button', { name: 'Sign out' }).click();
  await page.getByRole('button', { name: 'Sign in with a passkey' }).click();
  await says(page, 'Hello, Ada Sample');
  // What was signed for another origin opens nothing.
  await page.locator('details.person > summary').click();
  await page.getByRole('button', { name: 'Sign out' }).click();
  await page.evaluate(() => {
    const { toJSON } = PublicKeyCredential.prototype;
    PublicKeyCredential.prototype.toJSON = function changed() {
      const json = toJSON.call(this);
      const said = JSON.parse(atob(json.response.clientDataJSON.replaceAll('-', '+').replaceAll('_', '/')));
      said.origin = 'https://evil.example';
      json.response.clientDataJSON = btoa(JSON.stringify(said)).replaceAll('+', '-').replaceAll('/', '_').replace(/=+$/, '');
      return json;
    };
  });
  await page.getByRole('button', { name: 'Sign in with a passkey' }).click();
  await says(page, 'That does not fit');
  // A copy whose counter is behind.
  const [credential] = await keys.credentials();
  await keys.clear();
  await keys.put({ ...credential, signCount: 0 });
  await page.goto(at(bench, '/sign-in'));
  await page.getByRole('button', { name: 'Sign in with a passkey' }).click();
  await says(page, 'This passkey was copied');
  await page.goto(at(bench, '/security'));
  assert.equal(new URL(page.url()).pathname, '/sign-in');
}

async function anotherSiteSendsNothing(bench) {
  const { page } = await signIn(bench);
  const target = at(bench, '/sessions/others/end');
  const evil = await page.context().newPage();
  await evil.route(`${bench.site.url}/evil`, (route) => route.fulfill({ contentType: 'text/html', body: `<form method="post" action="${target}"></form>` }));
  await evil.goto(`${bench.site.url}/evil`);
  const [answer] = await Promise.all([evil.waitForResponse(target), evil.evaluate(() => document.forms[0].submit())]);
  assert.equal(answer.status(), 403);
  assert.equal(await heading(evil), 'This form was not sent from here');
  // Without a browser's word on it, nothing is done either.
  const cookie = (await page.context().cookies()).map((one) => `${one.name}=${one.value}`).join('; ');
  const bare = await raw(bench, '/sessions/others/end', { method: 'POST', headers: { cookie } });
  assert.equal(bare.statusCode, 403);
}

async function cookiesAreRenewed(bench) {
  const shopper = await bench.open(at(bench, '/sign-in'));
  const { page } = shopper;
  const planted = 'F'.repeat(43);
  await page.evaluate((value) => {
    document.cookie = `__Host-florin-session=${value}; Path=/; Secure; SameSite=Lax`;
  }, planted);
  await page.goto(at(bench, '/sign-in'));
  await password(page);
  await page.goto(at(bench, '/sign-in/second?by=recovery'));
  await prove(page, ada.codes.pop());
  const cookies = await page.context().cookies();
  const session = cookies.find((one) => one.name === '__Host-florin-session');
  assert.ok(session.value !== planted && session.httpOnly && session.secure && session.sameSite === 'Lax' && session.expires === -1);
  assert.equal(cookies.some((one) => one.name === '__Host-florin-entry'), false);
  // Confirming renames it, and the name before opens nothing.
  const old = session.value;
  await page.goto(at(bench, '/confirm'));
  await prove(page, totp(ada.key, 1));
  const renamed = (await page.context().cookies()).find((one) => one.name === '__Host-florin-session').value;
  assert.notEqual(renamed, old);
  const { statusCode, headers } = await raw(bench, '/security', { headers: { cookie: `__Host-florin-session=${old}` } });
  assert.deepEqual([statusCode, headers.location], [303, '/sign-in?to=%2Fsecurity']);
  assert.deepEqual([headers['cache-control'], headers['referrer-policy']], ['no-store', 'same-origin']);
}

async function twoAtOnce(bench) {
  const pages = [];
  for (let n = 0; n < 2; n += 1) {
    const { page } = await bench.open(at(bench, '/sign-in'));
    await password(page);
    await page.goto(at(bench, '/sign-in/second?by=recovery'));
    pages.push(page);
  }
  const code = ada.codes.pop();
  await Promise.all(pages.map((page) => prove(page, code)));
  const titles = await Promise.all(pages.map(heading));
  assert.deepEqual(titles.sort(), ['Hello, Ada Sample', 'Second factor'], 'one code, one sign-in');
}

async function withoutScripts(bench) {
  const { page } = await signIn(bench, { ...PHONE, javaScriptEnabled: false });
  assert.equal(await page.getByRole('button', { name: 'Show' }).count(), 0);
  await page.locator('nav.places summary').click();
  await page.locator('nav.places details a[href="/sessions"]').click();
  assert.equal(await heading(page), 'Sessions');
  await page.getByRole('button', { name: 'End all others' }).click();
  await says(page, 'All other sessions have ended.');
  assert.equal(await page.locator('.rows > li').count(), 1);
  await page.locator('details.person > summary').click();
  await page.getByRole('button', { name: 'Sign out' }).click();
  await says(page, 'Passkeys need JavaScript');
}

async function keysAlone(bench) {
  const { page } = await bench.open(at(bench, '/sign-in'), WIDE);
  const focused = (name) => page.evaluate((name) => document.activeElement?.name === name, name);
  for (let n = 0; n < 20 && !(await focused('email')); n += 1) await page.keyboard.press('Tab');
  await page.keyboard.type(EMAIL);
  for (let n = 0; n < 5 && !(await focused('password')); n += 1) await page.keyboard.press('Tab');
  await page.keyboard.type(PASSWORD);
  await page.keyboard.press('Enter');
  await says(page, 'Second factor');
  const chosen = () => page.evaluate(() => document.activeElement?.getAttribute('href')?.includes('by=recovery') ?? false);
  for (let n = 0; n < 20 && !(await chosen()); n += 1) await page.keyboard.press('Tab');
  await page.keyboard.press('Enter');
  await says(page, 'Use a recovery code if nothing else');
  for (let n = 0; n < 20 && !(await focused('code')); n += 1) await page.keyboard.press('Tab');
  await page.keyboard.type(ada.codes.pop());
  await page.keyboard.press('Enter');
  await says(page, 'Hello, Ada Sample');
}

async function aTeam(bench) {
  const { page } = await signIn(bench, WIDE);
  await page.goto(at(bench, '/security/codes'));
  await page.getByRole('button', { name: 'Make ten new codes' }).click();
  ada.codes = await page.locator('#codes code').allTextContents();
  await page.goto(at(bench, '/team/invite'));
  await page.locator('#email').fill('lin@shop.example');
  await page.getByLabel('Auditor').check();
  await page.getByRole('button', { name: 'Invite' }).click();
  const link = await page.locator('#link').textContent();
  const lin = await bench.open(link, WIDE);
  await lin.page.locator('#name').fill('Lin Sample');
  await lin.page.locator('#new-password').fill('another long sentence here');
  await lin.page.getByRole('button', { name: 'Continue' }).click();
  await lin.page.goto(at(bench, '/enrol/totp'));
  const key = await lin.page.locator('code.key').textContent();
  await prove(lin.page, totp(key));
  await lin.page.goto(at(bench, '/'));
  assert.equal(await heading(lin.page), 'Hello, Lin Sample');
  // Reads everything, changes nothing: the page that says no names who can.
  const refused = await lin.page.goto(at(bench, '/team/invite'));
  assert.equal(refused.status(), 403);
  await says(lin.page, 'Ask somebody with one of these roles');
  await lin.page.goto(at(bench, '/audit'));
  await says(lin.page, 'none missing, none altered');
  await page.goto(at(bench, '/team'));
  await page.locator('li', { hasText: 'Lin Sample' }).getByRole('link', { name: 'Shut out' }).click();
  await page.getByRole('button', { name: 'Shut out' }).click();
  await says(page, 'The person was shut out');
  await lin.page.goto(at(bench, '/audit'));
  assert.equal(new URL(lin.page.url()).pathname, '/sign-in', 'their session has ended');
}

async function forEveryEye(bench) {
  for (const [look, options] of [['phone-dark', { ...PHONE, colorScheme: 'dark' }], ['wide', WIDE]]) {
    const { page } = await signIn(bench, options);
    for (const path of ['/', '/security', '/sessions', '/team', '/team/invite', '/approvals', '/audit', '/audit/1', '/confirm', '/nothing-here']) {
      await page.goto(at(bench, path));
      await bench.sound(page, `people${path.replaceAll('/', '-')}`, look);
    }
  }
}

/** A page that comes in two pieces on a busy machine may be painted between them: what nobody sees is not held against it. */
const SEEN_SHIFT = 0.01;
const calm = (check) => async (bench) => {
  await check(bench);
  for (const shopper of bench.shoppers) shopper.shifts = shopper.shifts.filter(([, value]) => value > SEEN_SHIFT);
};
const all = { enrols, aLinkIsUsedOnce, aCodeOfTheAppWorksOnce, aRecoveryCodeWorksOnce, nobodyIsToldWhoExists, passkeys, anotherSiteSendsNothing, cookiesAreRenewed, twoAtOnce, withoutScripts, keysAlone, aTeam, forEveryEye };
export const people = Object.fromEntries(Object.entries(all).map(([name, check]) => [name, calm(check)]));
