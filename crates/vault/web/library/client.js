// @ts-check
// One publishable key's view of the API: what is asked, in which order, and what a page is told. Every call is made by a hidden frame.

/** @param {string} secret @param {string} prefix @returns {string} */
function idOf(secret, prefix) {
  const id = typeof secret === 'string' ? secret.split('_secret_')[0] : undefined;
  demand(id !== undefined && id.startsWith(prefix) && secret.includes('_secret_'), `That is no client secret of a ${prefix === 'pi_' ? 'PaymentIntent' : 'SetupIntent'}: it looks like ${prefix}…_secret_….`);
  return /** @type {string} */ (id);
}

/** The two kinds of intents differ in names alone. */
const PAYMENT = { prefix: 'pi_', path: 'payment_intents', name: 'paymentIntent', query: 'payment_intent' };
const SETUP = { prefix: 'seti_', path: 'setup_intents', name: 'setupIntent', query: 'setup_intent' };
/** @typedef {typeof PAYMENT} IntentKind */
/** @typedef {'payment_method_data' | 'root' | 'token' | 'cvc_update'} Into where the card of a form goes in a request */

class Client {
  /** @param {string} pk @param {Bag} options */
  constructor(pk, options) {
    this.pk = pk;
    this.options = options;
    /** @type {Frame | null} */
    this.hidden = null;
    /** The hidden frame is in the page; before there is a body it waits. */
    this.placed = false;
    /** Confirmations under way, by client secret: a second click joins the first. @type {Map<string, Promise<any>>} */
    this.confirming = new Map();
  }

  /** The hidden frame that makes all calls. */
  controller() {
    // A page that replaced its body took the frame along; one that never came is asked for anew.
    if (this.hidden && (this.hidden.gone || (this.placed && !this.hidden.node.isConnected))) {
      this.hidden.remove();
      this.hidden = null;
    }
    if (!this.hidden) {
      this.hidden = new Frame('controller', this.pk, { group: random(), kind: 'controller', version: this.options.apiVersion }, () => {});
      const node = this.hidden.node;
      dress(node, { position: 'fixed', 'inset-block-start': '0', 'inset-inline-start': '0', width: '1px', height: '1px', border: '0', opacity: '0', 'pointer-events': 'none' });
      node.setAttribute('aria-hidden', 'true');
      node.tabIndex = -1;
      node.title = 'Florin';
      this.placed = false;
      const add = () => {
        document.body.append(node);
        this.placed = true;
      };
      if (document.body) add();
      else addEventListener('DOMContentLoaded', add, { once: true });
    }
    return this.hidden;
  }

  /** @param {string} method @param {string} path @param {Bag} [params] @param {{group: string, into: Into}} [card] */
  async request(method, path, params = {}, card) {
    /** @param {string} [person] */
    const ask = (person) => this.controller().call('request', { method, path, params: plain(params), card, person });
    const { florin_bot_check: site, ...answer } = await ask();
    // Refused for its address: a person may go on, and the page knows how to ask whether it is one.
    const token = site && typeof this.options.botCheck === 'function' ? await this.options.botCheck(site) : undefined;
    if (!token) return answer;
    const { florin_bot_check: _again, ...second } = await ask(String(token));
    return second;
  }

  /** The form behind an element that was handed over. @param {any} element */
  from(element) {
    demand(element instanceof FormElement, 'That is no element of this library.');
    demand(element.frame !== null, 'Mount the element before you use it.');
    return /** @type {FormElement} */ (element).group;
  }

  /** @param {any} details @param {Group} group */
  async method(details, group) {
    const checked = await group.submit();
    if (checked.error) return checked;
    const { card: _card, element: _element, elements: _elements, params, ...rest } = details;
    const answer = await this.request('POST', '/v1/payment_methods', { type: 'card', ...rest, ...(params ?? {}) }, { group: group.id, into: 'root' });
    return answer.error ? answer : { paymentMethod: answer };
  }

  /** Reads an intent again. @param {IntentKind} kind @param {string} secret */
  async read(kind, secret) {
    const id = idOf(secret, kind.prefix);
    const answer = await this.request('GET', `/v1/${kind.path}/${id}`, { client_secret: secret });
    return answer.error ? answer : { [kind.name]: answer };
  }

  /**
   * Confirms once, however often it is asked for at a time.
   * @param {IntentKind} kind @param {string} secret @param {() => Promise<any>} work
   */
  once(kind, secret, work) {
    idOf(secret, kind.prefix);
    const running = this.confirming.get(secret);
    if (running) return running;
    const promise = work().finally(() => this.confirming.delete(secret));
    this.confirming.set(secret, promise);
    return promise;
  }

  /** @param {IntentKind} kind @param {string} secret @param {Bag} params @param {Group | null} group */
  async confirm(kind, secret, params, group) {
    const path = `/v1/${kind.path}/${idOf(secret, kind.prefix)}/confirm`;
    const card = group ? { group: group.id, into: /** @type {Into} */ ('payment_method_data') } : undefined;
    // What the issuer asks of the customer is shown over the page, not instead of it.
    const answer = await this.request('POST', path, { client_secret: secret, use_stripe_sdk: true, ...params }, card);
    return answer.error ? answer : { [kind.name]: answer };
  }

  /** What an intent still asks of the customer. @param {IntentKind} kind @param {string} secret @param {any} result @param {Group | null} [group] */
  async act(kind, secret, result, group = null) {
    const next = result[kind.name]?.status === 'requires_action' ? result[kind.name].next_action : null;
    if (!next) return result;
    if (next.type === 'redirect_to_url') {
      location.assign(next.redirect_to_url.url);
      return new Promise(() => {});
    }
    const url = next.use_stripe_sdk?.stripe_js;
    if (typeof url !== 'string') return unsupported(next.type);
    /** @type {any} */
    let after;
    const settled = async () => {
      after = await this.read(kind, secret);
      return after[kind.name] !== undefined && after[kind.name].status !== 'requires_action';
    };
    const locale = group?.locale ?? String(this.options.locale ?? 'auto');
    const left = await challenge({ url, pk: this.pk, locale, dark: group?.dark() ?? false }, settled);
    // Who closed it may have answered a moment before.
    if (left) await settled();
    const intent = after?.[kind.name];
    if (!intent || !['requires_payment_method', 'requires_action'].includes(intent.status)) return after;
    const last = intent.status === 'requires_action' ? null : (intent.last_payment_error ?? intent.last_setup_error);
    const refused = { type: 'invalid_request_error', code: `${kind.query}_authentication_failure`, message: overlayWords(locale).failed };
    return { error: { ...(last ?? refused), [kind.query]: intent } };
  }

  /** confirmPayment and confirmSetup. @param {IntentKind} kind @param {Bag} given */
  async confirmForm(kind, given) {
    const { elements, clientSecret, confirmParams = {}, redirect = 'always' } = given;
    const secret = clientSecret ?? elements?.options.clientSecret;
    demand(typeof secret === 'string', 'confirm needs the clientSecret, here or in elements().');
    demand(redirect === 'if_required' || typeof confirmParams.return_url === 'string', "confirmParams.return_url is missing. It may be left out only with redirect: 'if_required'.");
    return this.once(kind, secret, async () => {
      const named = confirmParams.payment_method !== undefined || confirmParams.confirmation_token !== undefined;
      const group = elements && !named ? /** @type {Group} */ (elements) : null;
      if (group) {
        if (!group.cardElement()) return failure('invalid_request_error', 'element_not_mounted', 'Mount the payment element before you confirm.');
        const checked = await group.submit();
        if (checked.error) return checked;
      }
      const { save_payment_method: _save, expand: _expand, ...params } = confirmParams;
      const method = group ? { payment_method_data: { type: 'card', ...(params.payment_method_data ?? {}) } } : {};
      const confirmed = await this.confirm(kind, secret, { ...params, ...method }, group);
      const result = await this.act(kind, secret, confirmed, group);
      if (result.error || redirect === 'if_required') return result;
      const intent = result[kind.name];
      const back = new URL(confirmParams.return_url, location.href);
      back.searchParams.set(kind.query, intent.id);
      back.searchParams.set(`${kind.query}_client_secret`, secret);
      back.searchParams.set('redirect_status', intent.status === 'requires_payment_method' ? 'failed' : intent.status === 'processing' ? 'pending' : 'succeeded');
      location.assign(back.href);
      return new Promise(() => {});
    });
  }

  /** confirmCardPayment and confirmCardSetup. @param {IntentKind} kind @param {string} secret @param {Bag} [data] @param {Bag} [options] */
  async confirmCard(kind, secret, data = {}, options = {}) {
    return this.once(kind, secret, async () => {
      const { payment_method: method, payment_method_options: how, ...rest } = data;
      let group = null;
      /** @type {Bag} */
      const params = rest;
      if (typeof method === 'string') params.payment_method = method;
      const { cvc, ...card } = how?.card ?? {};
      if (cvc instanceof FormElement) {
        const checked = await cvc.validate(true);
        if (checked.error) return checked;
        const token = await this.request('POST', '/v1/tokens', {}, { group: this.from(cvc).id, into: 'cvc_update' });
        if (token.error) return token;
        card.cvc_token = token.id;
      }
      if (how) params.payment_method_options = { ...how, card };
      if (method?.card instanceof FormElement) {
        group = this.from(method.card);
        const checked = await group.submit();
        if (checked.error) return checked;
        const { card: _card, ...details } = method;
        params.payment_method_data = { type: 'card', ...details };
      } else if (method?.card?.token) {
        params.payment_method_data = { type: 'card', card: { token: method.card.token }, billing_details: method.billing_details };
      }
      const result = await this.confirm(kind, secret, params, group);
      return options.handleActions === false ? result : this.act(kind, secret, result, group);
    });
  }

  /** handleNextAction and handleCardAction. @param {string} secret */
  async next(secret) {
    const kind = String(secret).startsWith(SETUP.prefix) ? SETUP : PAYMENT;
    return this.once(kind, secret, async () => this.act(kind, secret, await this.read(kind, secret)));
  }
}
