// Somebody in front of a merchant's page: what they type and see, and everything that the page could have learned of it.
import assert from 'node:assert/strict';

export const CARD = { number: '4242424242424242', expiry: '1234', cvc: '737', postal: '90210' };
/** A run of this many digits of a number is more than anybody may know (PCI DSS 4.0.1, 3.4.1: the first six and the last four at most). */
const RUN_DIGITS = 6;

export class Shopper {
  constructor(bench, page, card) {
    Object.assign(this, { bench, page, card, violations: [], troubles: [], heard: [], shifts: [], typed: [], since: 0 });
  }

  async begin(where) {
    const { page } = this;
    page.setDefaultTimeout(30_000);
    page.on('console', (message) => message.type() === 'error' && this.troubles.push(message.text()));
    page.on('pageerror', (error) => this.troubles.push(String(error)));
    // Whatever the merchant's own page sends anywhere.
    page.on('request', (request) => {
      const main = !request.isNavigationRequest() && request.frame() === page.mainFrame();
      if (main) this.heard.push(request.url(), request.postData() ?? '', JSON.stringify(request.headers()));
    });
    await page.exposeBinding('florinViolated', (_, what) => this.violations.push(what));
    await page.exposeBinding('florinHeard', (_, what) => this.heard.push(what));
    await page.exposeBinding('florinShifted', (_, when, value, what) => this.shifts.push([when, value, what]));
    await page.addInitScript(watch);
    await page.goto(this.at(where));
  }

  at(where) {
    const url = new URL(where, this.bench.site.url);
    if (this.card === this.bench.httpCard) url.searchParams.set('http', '1');
    return url.href;
  }

  /** The frame of an element, in its place in the page. */
  frame(place = '#pay') {
    return this.page.frameLocator(`${place} iframe`);
  }
  field(name, place = '#pay') {
    return this.frame(place).locator(`[name="${name}"]`);
  }

  /** Types a card into the form or the line at a place, one key after the other. */
  async type(card = {}, place = '#pay') {
    const all = { ...CARD, ...card };
    this.typed.push(all);
    for (const [name, value] of [['cardnumber', all.number], ['exp-date', all.expiry], ['cvc', all.cvc], ['postal', all.postal]]) {
      if (name === 'postal' && (await this.field(name, place).count()) === 0) continue;
      if (name === 'postal' && !(await this.field(name, place).isVisible())) continue;
      await this.field(name, place).fill('');
      await this.field(name, place).pressSequentially(value);
    }
  }
  /** The same into three frames. */
  async typeSplit(card = {}) {
    const all = { ...CARD, ...card };
    this.typed.push(all);
    await this.field('cardnumber', '#number').pressSequentially(all.number);
    await this.field('exp-date', '#expiry').pressSequentially(all.expiry);
    await this.field('cvc', '#cvc').pressSequentially(all.cvc);
  }

  /** Runs in the merchant's page, with the form that is there. */
  run(script, argument) {
    return this.page.evaluate(script, argument);
  }
  /** Makes `stripe`, `elements` and elements at places, and waits until they are ready. */
  async mount(elements, { options = {}, client = {} } = {}) {
    const { publishable_key: pk } = this.bench.ready;
    this.since = await this.run(async ({ pk, elements, options, client }) => {
      window.stripe ??= Stripe(pk, client);
      window.elements = stripe.elements(options);
      window.told = [];
      const ready = Promise.all(elements.map(([type, place, more]) => new Promise((resolve) => {
        const element = window.elements.create(type, more);
        for (const event of ['ready', 'change', 'focus', 'blur', 'escape', 'loaderror']) element.on(event, (what) => told.push([event, what]));
        element.on('ready', resolve);
        element.mount(place);
      })));
      // Places that were empty are filled: that moves what is below. From now on nothing may.
      await new Promise((painted) => requestAnimationFrame(() => requestAnimationFrame(painted)));
      const since = performance.now();
      await ready;
      return since;
    }, { pk, elements, options, client });
  }
  /** From here on nothing may jump. */
  async still() {
    this.since = await this.run(() => performance.now());
  }
  jumps() {
    return this.shifts.filter(([when]) => when > this.since);
  }
  /** What the shopper reads of a result. */
  async outcome(promise) {
    const result = await promise;
    const { error, paymentIntent: intent, setupIntent: setup } = result;
    if (error) return [error.code, error.decline_code ?? null];
    return [(intent ?? setup).status, null];
  }

  /** The issuer's page, within the overlay. */
  bank() {
    return this.page.frameLocator('[data-florin] iframe').frameLocator('#bank');
  }
  overlay() {
    return this.page.locator('[data-florin] dialog');
  }

  /** What the merchant's page has got of what was typed. */
  leaks() {
    const runs = new Set();
    for (const { number, cvc } of this.typed) {
      for (let at = 0; at + RUN_DIGITS <= number.length; at += 1) runs.add(number.slice(at, at + RUN_DIGITS));
      if (cvc) runs.add(cvc);
    }
    const found = [];
    for (const text of this.heard) {
      const bare = text.replace(/(?<=[0-9])[ -](?=[0-9])/g, '');
      for (const run of runs) {
        const at = run.length < RUN_DIGITS ? new RegExp(`(?<![0-9A-Za-z])${run}(?![0-9A-Za-z])`).test(bare) : bare.includes(run);
        if (at) found.push(`${run} in ${text.slice(0, 200)}`);
      }
    }
    return found;
  }

  /** A file of the card origin, as the browser gets it. It leaves the page. */
  async file(where) {
    const answer = await this.page.goto(this.card + where);
    assert.equal(answer.status(), 200, where);
    return answer.text();
  }

  async told(name) {
    const all = await this.run(() => window.told);
    return all.filter(([event]) => event === name).map(([, what]) => what);
  }
  async charges(intent) {
    const list = await this.bench.get(`/v1/charges?payment_intent=${intent}&limit=10`);
    assert.equal(list.object, 'list', JSON.stringify(list));
    return list.data.filter((charge) => charge.paid).length;
  }
}

/** In every frame: refused by a policy. In the merchant's page: whatever reaches it, and whatever jumps. */
function watch() {
  addEventListener('securitypolicyviolation', (event) => florinViolated(`${location.pathname}: ${event.effectiveDirective} ${event.blockedURI} ${event.sourceFile}:${event.lineNumber}`));
  if (self !== top) return;
  const text = (data) => {
    try {
      return JSON.stringify(data) ?? '';
    } catch {
      return String(data);
    }
  };
  const take = (event) => florinHeard(text(event.data));
  addEventListener('message', take, true);
  const port = MessagePort.prototype;
  const { set, get } = Object.getOwnPropertyDescriptor(port, 'onmessage');
  Object.defineProperty(port, 'onmessage', {
    get,
    set(handler) {
      set.call(this, typeof handler === 'function' ? function heard(event) {
        take(event);
        return handler.call(this, event);
      } : handler);
    },
  });
  const listen = port.addEventListener;
  port.addEventListener = function add(type, ...rest) {
    if (type === 'message') listen.call(this, 'message', take);
    return listen.call(this, type, ...rest);
  };
  new PerformanceObserver((list) => {
    for (const entry of list.getEntries()) {
      florinShifted(entry.startTime, entry.value, entry.sources.map((source) => `${source.node?.nodeName}#${source.node?.id} ${JSON.stringify(source.previousRect)} ${JSON.stringify(source.currentRect)}`));
    }
  }).observe({ type: 'layout-shift', buffered: true });
}
