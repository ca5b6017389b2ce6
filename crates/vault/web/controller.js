// @ts-check
// The hidden frame that calls the API: takes the card from the frames of the form, sends it, forgets it. Knows no page's look.

import { listen, siblings } from '/js/frames/port.js';
import { WORDS, language } from '/js/frames/words.js';

const TRIES = 2;
const PAUSE_MS = 600;

/** All that the library asks for, and where a card may go in it: a page that speaks with this frame itself gets no further. */
const CALLS = /** @type {[string, RegExp, (string | undefined)[]][]} */ ([
  ['POST', /^\/v1\/payment_methods$/, ['root', undefined]],
  ['POST', /^\/v1\/tokens$/, ['token', 'cvc_update']],
  ['POST', /^\/v1\/confirmation_tokens$/, ['payment_method_data']],
  ['POST', /^\/v1\/(payment|setup)_intents\/\w+\/confirm$/, ['payment_method_data', undefined]],
  ['GET', /^\/v1\/(payment|setup)_intents\/\w+$/, [undefined]],
]);
const NOT_A_CALL = { error: { type: 'invalid_request_error', code: 'feature_not_supported', message: 'The browser library does not make this call.' } };

listen((init) => {
  const key = new URL(location.href).searchParams.get('key') ?? '';
  return async (op, args) => (op === 'request' ? request(key, init, args) : undefined);
});

/** @param {string} key @param {any} init @param {any} args */
async function request(key, init, { method, path, params, card, person }) {
  const known = CALLS.some(([how, where, into]) => how === method && where.test(String(path)) && into.includes(card?.into));
  if (!known) return NOT_A_CALL;
  const fields = new URLSearchParams();
  flatten(fields, '', withCard(params, card));
  const reading = method === 'GET';
  const query = fields.toString();
  /** @type {Record<string, string>} */
  const headers = { Authorization: `Bearer ${key}` };
  if (init.version) headers['Stripe-Version'] = init.version;
  if (person) headers['Florin-Bot-Check'] = String(person);
  // One key for all tries: a lost answer is asked for again, never a second payment.
  if (!reading) headers['Idempotency-Key'] = crypto.randomUUID();
  const target = reading && query ? `${path}?${query}` : path;
  for (let n = 1; ; n += 1) {
    try {
      const answer = await fetch(target, { method, headers, body: reading ? undefined : fields, credentials: 'omit', cache: 'no-store' });
      if (answer.status === 409 && n < 10) {
        await new Promise((go) => setTimeout(go, PAUSE_MS));
        continue;
      }
      const [told, site] = [await answer.json(), answer.headers.get('florin-bot-check')];
      return site ? { ...told, florin_bot_check: site } : told;
    } catch {
      if (n >= TRIES) return { error: { type: 'api_connection_error', code: 'no_connection', message: WORDS[language('auto')].no_connection } };
      await new Promise((go) => setTimeout(go, PAUSE_MS));
    }
  }
}

/** Puts the card of a form where the request wants it. @param {any} params @param {any} card */
function withCard(params, card) {
  if (!card) return params;
  /** @type {any} */
  const read = siblings(card.group).map((frame) => frame.read());
  const billing = read.reduce((/** @type {any} */ all, /** @type {any} */ one) => merged(all, one.billing), undefined);
  const { billing: _billing, value: _value, ...fields } = Object.assign({}, ...read);
  if (card.into === 'cvc_update') return { ...params, cvc_update: { cvc: fields.cvc } };
  if (card.into === 'token') {
    const address = billing?.address?.postal_code ? { address_zip: billing.address.postal_code } : {};
    return { ...params, card: { ...address, ...(params.card ?? {}), ...fields } };
  }
  const merge = (/** @type {any} */ data) => ({ ...data, card: fields, billing_details: merged(billing, data.billing_details) });
  if (card.into === 'root') return merge(params);
  return { ...params, payment_method_data: merge(params.payment_method_data ?? {}) };
}

/** What comes later wins; of an address each line by itself. @param {any} form @param {any} page */
function merged(form, page) {
  const address = { ...(form?.address ?? {}), ...(page?.address ?? {}) };
  const all = { ...(form ?? {}), ...(page ?? {}) };
  if (Object.keys(address).length > 0) all.address = address;
  return Object.keys(all).length > 0 ? all : undefined;
}

/** `a[b][0]=c`, as the API reads it. @param {URLSearchParams} out @param {string} name @param {any} value */
function flatten(out, name, value) {
  if (value === null || value === undefined) return;
  if (typeof value === 'object') {
    for (const [key, inner] of Object.entries(value)) flatten(out, name ? `${name}[${key}]` : key, inner);
  } else {
    out.append(name, String(value));
  }
}
