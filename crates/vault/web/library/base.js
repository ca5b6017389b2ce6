// @ts-check
// What all parts of the library rest on: where it came from, what a mistake and a failure look like. These parts are one script, in the
// order that pages.rs names them, inside one function: nothing of them is a name in the merchant's page.

/** @typedef {import('@stripe/stripe-js').Stripe} Surface */
/** @typedef {Record<string, any>} Bag */

const script = /** @type {HTMLScriptElement | null} */ (document.currentScript);
const source = new URL(script ? script.src : location.href);
/** Where the frames are: where this script came from. */
const ORIGIN = source.origin;
const train = /\/js\/([a-z]+|v1)\//.exec(source.pathname)?.[1] ?? 'v1';
/** What loaders compare: the name of the release train, or 3 for the last numbered one. */
const VERSION = source.pathname.startsWith('/v3') ? 3 : train;

/** A mistake in the page's own code: thrown, not returned. */
class IntegrationError extends Error {
  /** @param {string} message */
  constructor(message) {
    super(message);
    this.name = 'IntegrationError';
  }
}

/** @param {boolean} ok @param {string} message */
function demand(ok, message) {
  if (!ok) throw new IntegrationError(message);
}

/** @param {string} type @param {string} code @param {string} message @returns {any} */
const failure = (type, code, message) => ({ error: { type, code, message } });
const unsupported = (/** @type {string} */ name) => failure('invalid_request_error', 'feature_not_supported', `${name} is not offered by Florin.`);

const random = () => Array.from(crypto.getRandomValues(new Uint32Array(4)), (n) => n.toString(36)).join('');

/** Only what a message can carry, without functions. @param {any} value @returns {any} */
const plain = (value) => (value === undefined ? {} : JSON.parse(JSON.stringify(value)));

/** Style by the object model: a policy without inline styles allows it. @param {HTMLElement} node @param {Record<string, string>} rules */
function dress(node, rules) {
  for (const [name, value] of Object.entries(rules)) node.style.setProperty(name, value);
}

/** Handlers by event. */
class Listeners {
  constructor() {
    /** @type {Map<string, Set<(event: any) => void>>} */
    this.sets = new Map();
  }
  /** @param {string} event @param {any} handler */
  add(event, handler) {
    demand(typeof event === 'string' && typeof handler === 'function', 'on() takes the name of an event and a function.');
    if (!this.sets.has(event)) this.sets.set(event, new Set());
    this.sets.get(event)?.add(handler);
  }
  /** @param {string} event @param {any} handler */
  addOnce(event, handler) {
    const one = (/** @type {any} */ data) => {
      this.drop(event, one);
      handler(data);
    };
    this.add(event, one);
  }
  /** @param {string} event @param {any} [handler] */
  drop(event, handler) {
    if (handler === undefined) this.sets.delete(event);
    else this.sets.get(event)?.delete(handler);
  }
  /** @param {string} event @param {any} data */
  emit(event, data) {
    for (const handler of [...(this.sets.get(event) ?? [])]) handler(data);
  }
}
