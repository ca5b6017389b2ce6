// What a check works with: a demo, a browser that trusts its CA, a merchant's site, and pages that are watched.
import assert from 'node:assert/strict';
import { spawn, spawnSync } from 'node:child_process';
import fs from 'node:fs';
import { createRequire } from 'node:module';
import os from 'node:os';
import path from 'node:path';
import readline from 'node:readline';
import { Shopper } from './shopper.mjs';
import { site } from './site.mjs';

/** The answers of the API that a check provokes are told by the console as if they were mistakes of the page. */
const EXPECTED = /Failed to load resource: the server responded with a status of 4(?:0[012349]|10|22|29)/;

export class Bench {
  static async start({ florin, modules, pictures }) {
    const bench = new Bench();
    Object.assign(bench, { modules, pictures, shoppers: [] });
    bench.require = createRequire(path.join(modules, 'package.json'));
    bench.folder = fs.mkdtempSync(path.join(os.tmpdir(), 'florin-web-'));
    bench.demo = spawn(florin, ['--data', path.join(bench.folder, 'data'), '--json', 'demo'], { stdio: ['ignore', 'pipe', 'inherit'] });
    bench.ended = new Promise((resolve) => bench.demo.on('exit', resolve));
    const first = new Promise((resolve) => readline.createInterface({ input: bench.demo.stdout }).once('line', resolve));
    bench.ready = JSON.parse(await Promise.race([first, bench.ended.then(() => '{}')]));
    assert.ok(bench.ready.ready, 'the demo did not start');
    // The card origin, for machines and for people.
    bench.card = bench.ready.card ?? bench.ready.api;
    bench.httpCard = bench.ready.http_card ?? bench.ready.http_api;
    try {
      bench.site = await site(bench);
      await bench.browse();
    } catch (error) {
      await bench.stop();
      throw error;
    }
    return bench;
  }

  /** A fresh home whose certificate store trusts the demo's CA, as `florin demo --trust` would arrange. */
  async browse() {
    const home = path.join(this.folder, 'home');
    const store = path.join(home, '.pki', 'nssdb');
    fs.mkdirSync(store, { recursive: true });
    for (const words of [['-N', '--empty-password'], ['-A', '-t', 'C,,', '-n', 'florin', '-i', this.ready.ca_cert]]) {
      const ran = spawnSync('certutil', [...words, '-d', `sql:${store}`], { encoding: 'utf8' });
      assert.equal(ran.status, 0, `certutil ${words[0]}: ${ran.stderr}`);
    }
    // The browser's profile is made where temporary files are: there it is searched, and goes with the rest.
    process.env.TMPDIR = path.join(this.folder, 'tmp');
    fs.mkdirSync(process.env.TMPDIR);
    const { chromium } = this.require('playwright-core');
    // Chromium's own sandbox cannot be made by root.
    const args = process.getuid() === 0 ? ['--no-sandbox'] : [];
    this.browser = await chromium.launch({ executablePath: process.env.CHROMIUM, args, env: { ...process.env, HOME: home }, chromiumSandbox: false });
  }

  /** A page of the site, watched. Options: those of a browser context, and `http` for the card origin without TLS. */
  async open(where = '/form', { http = false, ...options } = {}) {
    const context = await this.browser.newContext({ viewport: { width: 480, height: 800 }, locale: 'en-US', ...options });
    if (process.env.FLORIN_WEB) await fromFolder(context, process.env.FLORIN_WEB);
    const shopper = new Shopper(this, await context.newPage(), http ? this.httpCard : this.card);
    this.shoppers.push(shopper);
    await shopper.begin(where);
    return shopper;
  }

  /** The API, with the secret key. */
  async post(where, params = {}) {
    const body = new URLSearchParams(params);
    const answer = await fetch(this.ready.http_api + where, { method: 'POST', headers: { authorization: `Bearer ${this.ready.secret_key}` }, body });
    return answer.json();
  }
  async get(where) {
    const answer = await fetch(this.ready.http_api + where, { headers: { authorization: `Bearer ${this.ready.secret_key}` } });
    return answer.json();
  }
  intent(more = {}) {
    return this.post('/v1/payment_intents', { amount: 1999, currency: 'eur', 'automatic_payment_methods[enabled]': true, ...more });
  }

  /** What must be true of every page, whatever was done there. */
  async verify() {
    for (const shopper of this.shoppers) {
      assert.deepEqual(shopper.violations, [], 'content security policy');
      assert.deepEqual(shopper.troubles.filter((text) => !EXPECTED.test(text)), [], 'console');
      assert.deepEqual(shopper.leaks(), [], 'digits of the card in the merchant\'s page');
      assert.deepEqual(shopper.jumps(), [], 'layout shift');
    }
  }
  /** Nothing that axe calls serious, nothing wider than the window, and a picture. */
  async sound(page, name, look) {
    const source = fs.readFileSync(this.require.resolve('axe-core/axe.min.js'), 'utf8');
    const found = await page.evaluate(`${source}; axe.run(document, { resultTypes: ['violations'], iframes: false }).then((all) => all.violations.map((v) => [v.impact, v.id, v.nodes[0].html.slice(0, 160), v.nodes[0].failureSummary]))`);
    assert.deepEqual(found.filter(([impact]) => impact === 'serious' || impact === 'critical'), [], `${name} ${look}`);
    assert.equal(await page.evaluate(() => document.documentElement.scrollWidth <= innerWidth), true, `${name} is wider than its page`);
    await this.picture(`shop-${name}-${look}`);
  }
  async picture(name) {
    const shopper = this.shoppers.at(-1);
    await shopper?.page.screenshot({ path: path.join(this.pictures, `${name}.png`) }).catch(() => {});
  }
  async close() {
    for (const shopper of this.shoppers.splice(0)) await shopper.page.context().close().catch(() => {});
  }
  async stop() {
    await this.browser?.close();
    this.site?.close();
    this.demo.kill('SIGTERM');
    await this.ended;
    fs.rmSync(this.folder, { recursive: true, force: true });
  }
}

/** The library from a folder of sources, with the program's headers: so that work on it needs no build. */
async function fromFolder(context, folder) {
  const types = { '.js': 'text/javascript', '.css': 'text/css' };
  const order = ['base', 'frame', 'element', 'group', 'overlay', 'client', 'surface'];
  await context.route(/\/js\/\w+\/(florin|stripe)\.js$/, (route) => {
    const parts = order.map((part) => fs.readFileSync(path.join(folder, 'library', `${part}.js`), 'utf8'));
    return route.fulfill({ contentType: types['.js'], body: `(() => {\n'use strict';\n${parts.join('')}})();\n`, headers: { 'cross-origin-resource-policy': 'cross-origin' } });
  });
  await context.route(/\/js\/frames\/[\w.]+$/, (route) => {
    const file = path.join(folder, path.basename(new URL(route.request().url()).pathname));
    return route.fulfill({ contentType: types[path.extname(file)], body: fs.readFileSync(file), headers: { 'cross-origin-resource-policy': 'cross-origin' } });
  });
}
