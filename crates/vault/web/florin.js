// @ts-check
// Florin in the merchant's page: elements, confirmations, results. Knows no card: every field and every call to the API is in a
// frame of the card origin, and what crosses from there is allow-listed at both ends.

(() => {
  'use strict';

  /** @typedef {import('@stripe/stripe-js').Stripe} Surface */
  /** @typedef {Record<string, any>} Bag */

  const script = /** @type {HTMLScriptElement | null} */ (document.currentScript);
  const source = new URL(script ? script.src : location.href);
  const ORIGIN = source.origin;
  const train = /\/js\/([a-z0-9]+)\//.exec(source.pathname)?.[1] ?? 'v1';
  /** What loaders compare: the name of the release train, or 3 for the last numbered one. */
  const VERSION = source.pathname.startsWith('/v3') ? 3 : train;

  const ELEMENTS = ['card', 'cardNumber', 'cardExpiry', 'cardCvc', 'payment', 'address', 'linkAuthentication', 'expressCheckout'];
  /** The first of these that is mounted gives the card. */
  const CARD_ELEMENTS = ['payment', 'card', 'cardNumber'];
  /** What a frame may tell. */
  const EVENTS = new Set(['ready', 'focus', 'blur', 'escape', 'change', 'resize', 'loaderror', 'confirm']);
  const CALL_MS = 60_000;
  const LOAD_MS = 20_000;

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

  const random = () => Array.from(crypto.getRandomValues(new Uint32Array(4)), (n) => n.toString(36)).join('');

  /** @param {string} name @param {string} value */
  const own = (name, value) => (/** @type {HTMLElement} */ element) => element.style.setProperty(name, value);

  /** One frame of the card origin, and the only way to talk with it. */
  class Frame {
    /**
     * @param {string} page
     * @param {string} pk
     * @param {Bag} init
     * @param {(event: string, data: any) => void} heard
     */
    constructor(page, pk, init, heard) {
      /** @type {Map<number, (answer: any) => void>} */
      this.waiting = new Map();
      this.next = 0;
      this.greeted = false;
      this.heard = heard;
      this.init = init;
      this.node = document.createElement('iframe');
      this.node.src = `${ORIGIN}/frames/${page}?key=${encodeURIComponent(pk)}`;
      this.node.setAttribute('allow', 'payment *');
      this.node.setAttribute('referrerpolicy', 'strict-origin');
      /** @type {MessagePort | null} */
      this.port = null;
      /** @type {any[]} */
      this.queue = [];
      this.node.addEventListener('load', () => this.greet());
      this.late = setTimeout(() => this.lost(), LOAD_MS);
    }

    /** A frame that loads anew (it was moved in the page) is greeted anew, on a fresh port. */
    greet() {
      const { port1, port2 } = new MessageChannel();
      this.port?.close();
      this.port = port1;
      port1.onmessage = (message) => this.take(message.data);
      this.node.contentWindow?.postMessage({ florin: 'init', ...this.init }, ORIGIN, [port2]);
    }

    lost() {
      this.heard('loaderror', { message: `The payment form could not be loaded from ${ORIGIN}.` });
      for (const answer of this.waiting.values()) answer(failure('api_connection_error', 'frame_not_loaded', 'The payment form could not be loaded. Check the connection and try again.'));
      this.waiting.clear();
    }

    /** @param {any} data */
    take(data) {
      if (typeof data !== 'object' || data === null) return;
      if (data.event === 'greeted') {
        clearTimeout(this.late);
        for (const message of this.queue.splice(0)) this.port?.postMessage(message);
      } else if (typeof data.event === 'string' && EVENTS.has(data.event)) {
        this.heard(data.event, data.data);
      } else if (typeof data.id === 'number') {
        this.waiting.get(data.id)?.(data.answer);
        this.waiting.delete(data.id);
      }
      this.greeted ||= data.event === 'greeted';
    }

    /** @param {string} op @param {Bag} [args] @returns {Promise<any>} */
    call(op, args = {}) {
      const id = (this.next += 1);
      return new Promise((resolve) => {
        const limit = setTimeout(() => {
          this.waiting.delete(id);
          resolve(failure('api_connection_error', 'no_answer', 'No answer came in time. Look at the state of the payment before you try again.'));
        }, CALL_MS);
        this.waiting.set(id, (answer) => {
          clearTimeout(limit);
          resolve(answer);
        });
        this.tell({ id, op, args });
      });
    }

    /** @param {any} message */
    tell(message) {
      if (this.greeted) this.port?.postMessage(message);
      else this.queue.push(message);
    }

    remove() {
      clearTimeout(this.late);
      this.port?.close();
      this.node.remove();
    }
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

  const CLASSES = {
    base: 'StripeElement',
    complete: 'StripeElement--complete',
    empty: 'StripeElement--empty',
    focus: 'StripeElement--focus',
    invalid: 'StripeElement--invalid',
    webkitAutofill: 'StripeElement--webkit-autofill',
  };
  /** The height that a frame has before it says its own, so that nothing jumps. */
  const FIRST_HEIGHT = /** @type {Record<string, string>} */ ({ payment: '248px', address: '480px', linkAuthentication: '76px' });

  /** One field, or one form, in a frame. */
  class Element {
    /** @param {Group} group @param {string} type @param {Bag} options */
    constructor(group, type, options) {
      this.group = group;
      this._type = type;
      this.options = options;
      this.listeners = new Listeners();
      /** @type {Frame | null} */
      this.frame = null;
      /** @type {HTMLElement | null} */
      this.place = null;
      this.destroyed = false;
      this.state = { complete: false, empty: true, focused: false, invalid: false };
    }

    /** @param {string | HTMLElement} target */
    mount(target) {
      demand(!this.destroyed, 'This element was destroyed. Create a new one.');
      const place = typeof target === 'string' ? document.querySelector(target) : target;
      demand(place instanceof HTMLElement, `mount() found no element of the page for ${String(target)}.`);
      if (this.place === place) return;
      this.unmount();
      this.place = /** @type {HTMLElement} */ (place);
      this.place.replaceChildren();
      if (this._type === 'expressCheckout') {
        queueMicrotask(() => this.listeners.emit('ready', { elementType: this._type, availablePaymentMethods: undefined }));
        return;
      }
      const init = { group: this.group.id, kind: this._type, options: plain(this.options), look: this.group.look(), locale: this.group.locale };
      this.frame = new Frame('field', this.group.pk, init, (event, data) => this.heard(event, data));
      const node = this.frame.node;
      node.title = this.group.title(this._type);
      for (const style of [own('border', '0'), own('width', '100%'), own('display', 'block'), own('background', 'transparent'), own('color-scheme', this.group.options.appearance?.theme === 'night' ? 'dark' : 'light')]) style(node);
      own('height', FIRST_HEIGHT[this._type] ?? '1.2em')(node);
      node.setAttribute('scrolling', 'no');
      this.place.append(node);
      this.classes();
    }

    /** @param {string} event @param {any} data */
    heard(event, data) {
      const say = { elementType: this._type };
      if (event === 'resize') {
        own('height', `${Math.min(Math.max(Number(data) || 0, 16), 2000)}px`)(/** @type {Frame} */ (this.frame).node);
        return;
      }
      if (event === 'focus' || event === 'blur') this.state.focused = event === 'focus';
      if (event === 'change') {
        this.state.complete = data.complete === true;
        this.state.empty = data.empty === true;
        this.state.invalid = data.error !== undefined && data.error !== null;
        this.group.changed(this, data);
      }
      this.classes();
      if (event === 'ready') this.listeners.emit('ready', say);
      else if (event === 'change') this.listeners.emit('change', { ...say, ...data, error: data.error ?? undefined });
      else if (event === 'loaderror') this.listeners.emit('loaderror', { ...say, error: failure('api_connection_error', 'frame_not_loaded', data.message).error });
      else this.listeners.emit(event, say);
    }

    classes() {
      if (!this.place || this._type === 'payment') return;
      const names = { ...CLASSES, ...(this.options.classes ?? {}) };
      const { complete, empty, focused, invalid } = this.state;
      const wanted = { base: true, complete, empty, focus: focused, invalid, webkitAutofill: false };
      for (const [key, on] of Object.entries(wanted)) {
        for (const name of String(names[/** @type {keyof typeof CLASSES} */ (key)] ?? '').split(/\s+/).filter(Boolean)) this.place.classList.toggle(name, on);
      }
    }

    /** @param {string} event @param {any} handler */
    on(event, handler) {
      this.listeners.add(event, handler);
      return this;
    }
    /** @param {string} event @param {any} handler */
    once(event, handler) {
      const one = (/** @type {any} */ data) => {
        this.listeners.drop(event, one);
        handler(data);
      };
      this.listeners.add(event, one);
      return this;
    }
    /** @param {string} event @param {any} [handler] */
    off(event, handler) {
      this.listeners.drop(event, handler);
      return this;
    }
    /** @param {Bag} options */
    update(options) {
      this.options = { ...this.options, ...options };
      this.classes();
      this.frame?.tell({ op: 'update', args: { options: plain(options) } });
      return this;
    }
    focus() {
      this.frame?.node.focus();
      this.frame?.tell({ op: 'focus', args: {} });
    }
    blur() {
      this.frame?.tell({ op: 'blur', args: {} });
    }
    clear() {
      this.frame?.tell({ op: 'clear', args: {} });
    }
    collapse() {
      return this;
    }
    unmount() {
      this.frame?.remove();
      this.frame = null;
      if (this.place) for (const name of Object.values({ ...CLASSES, ...(this.options.classes ?? {}) })) this.place.classList.remove(...String(name).split(/\s+/).filter(Boolean));
      this.place = null;
      this.state = { complete: false, empty: true, focused: false, invalid: false };
    }
    destroy() {
      this.unmount();
      this.destroyed = true;
      this.group.forget(this);
    }
    /** Checks all fields and shows what is missing. @returns {Promise<any>} */
    async validate() {
      if (!this.frame) return failure('invalid_request_error', 'element_not_mounted', `The ${this._type} element is not mounted.`);
      return this.frame.call('validate');
    }
  }

  const TITLES = /** @type {Record<string, string>} */ ({
    card: 'Card details', cardNumber: 'Card number', cardExpiry: 'Expiry date', cardCvc: 'Security code',
    payment: 'Payment details', address: 'Address', linkAuthentication: 'E-mail',
  });

  /** What `elements()` gives: the elements of one form. */
  class Group {
    /** @param {Client} client @param {Bag} options */
    constructor(client, options) {
      this.client = client;
      this.pk = client.pk;
      this.options = options;
      this.id = random();
      /** @type {Element[]} */
      this.all = [];
      this.listeners = new Listeners();
      this.locale = String(options.locale ?? client.options.locale ?? 'auto');
    }
    look() {
      const { appearance, fonts } = this.options;
      return plain({ appearance, fonts: (fonts ?? []).filter((/** @type {Bag} */ font) => !('cssSrc' in font)) });
    }
    /** @param {string} type */
    title(type) {
      return `Florin: ${TITLES[type] ?? type}`;
    }
    /** @param {string} type @param {Bag} [options] @returns {any} */
    create(type, options = {}) {
      demand(ELEMENTS.includes(type), `There is no element of type ${type}; there are ${ELEMENTS.join(', ')}.`);
      demand(!this.all.some((e) => e._type === type), `This form has a ${type} element already. Destroy it, or take it with getElement().`);
      const element = new Element(this, type, options ?? {});
      this.all.push(element);
      return element;
    }
    /** @param {any} type @returns {any} */
    getElement(type) {
      const name = typeof type === 'string' ? type : type?.__elementType;
      return this.all.find((e) => e._type === name) ?? null;
    }
    /** @param {Bag} options */
    async update(options) {
      demand(!('clientSecret' in options), 'clientSecret cannot be changed. Make new elements.');
      this.options = { ...this.options, ...options };
      if (options.locale) this.locale = String(options.locale);
      for (const element of this.all) element.frame?.tell({ op: 'look', args: { look: this.look(), locale: this.locale } });
      this.listeners.emit('update-end', undefined);
    }
    async fetchUpdates() {
      return {};
    }
    /** @param {string} event @param {any} handler */
    on(event, handler) {
      this.listeners.add(event, handler);
    }
    async submit() {
      const mounted = this.all.filter((e) => e.frame);
      for (const element of mounted) {
        const answer = await element.validate();
        if (answer?.error) return { error: answer.error };
      }
      return { selectedPaymentMethod: 'card' };
    }
    /** @param {Element} element @param {any} data */
    changed(element, data) {
      // A code has as many digits as the brand beside it wants.
      if (element._type === 'cardNumber') this.getElement('cardCvc')?.frame?.tell({ op: 'brand', args: { brand: data.brand } });
    }
    /** @param {Element} element */
    forget(element) {
      this.all = this.all.filter((e) => e !== element);
    }
    cardElement() {
      return CARD_ELEMENTS.map((type) => this.getElement(type)).find((element) => element?.frame) ?? null;
    }
  }

  /** Only what a message can carry, without functions. @param {any} value @returns {any} */
  const plain = (value) => (value === undefined ? {} : JSON.parse(JSON.stringify(value)));

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

  /** One publishable key's view of the API. */
  class Client {
    /** @param {string} pk @param {Bag} options */
    constructor(pk, options) {
      this.pk = pk;
      this.options = options;
      /** @type {Frame | null} */
      this.hidden = null;
      /** Confirmations under way, by client secret: a second click joins the first. @type {Map<string, Promise<any>>} */
      this.confirming = new Map();
    }

    /** The hidden frame that makes all calls. */
    controller() {
      if (!this.hidden) {
        this.hidden = new Frame('controller', this.pk, { group: random(), kind: 'controller', version: this.options.apiVersion }, () => {});
        const node = this.hidden.node;
        for (const style of [own('position', 'absolute'), own('width', '1px'), own('height', '1px'), own('border', '0'), own('opacity', '0'), own('pointer-events', 'none')]) style(node);
        node.setAttribute('aria-hidden', 'true');
        node.tabIndex = -1;
        node.title = 'Florin';
        const add = () => document.body.append(node);
        if (document.body) add();
        else addEventListener('DOMContentLoaded', add, { once: true });
      }
      return this.hidden;
    }

    /**
     * @param {string} method @param {string} path @param {Bag} [params]
     * @param {{group: string, into: 'payment_method_data' | 'root' | 'token' | 'cvc_update'}} [card] where the card of a form goes
     */
    request(method, path, params = {}, card) {
      return this.controller().call('request', { method, path, params: plain(params), card });
    }

    /** The form behind an element that was handed over. @param {any} element */
    from(element) {
      demand(element instanceof Element, 'That is no element of this library.');
      demand(element.frame !== null, 'Mount the element before you use it.');
      return /** @type {Element} */ (element).group;
    }

    /** @param {any} details @param {Group} group */
    async method(details, group) {
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
      const card = group ? { group: group.id, into: /** @type {'payment_method_data'} */ ('payment_method_data') } : undefined;
      const answer = await this.request('POST', path, { client_secret: secret, ...params }, card);
      return answer.error ? answer : { [kind.name]: answer };
    }

    /** What an intent still asks of the customer. @param {IntentKind} kind @param {string} secret @param {any} result */
    async act(kind, secret, result) {
      const next = result[kind.name]?.status === 'requires_action' ? result[kind.name].next_action : null;
      if (!next) return result;
      if (next.type === 'redirect_to_url') {
        location.assign(next.redirect_to_url.url);
        return new Promise(() => {});
      }
      const challenge = next.use_stripe_sdk?.stripe_js;
      if (typeof challenge !== 'string') return failure('invalid_request_error', 'feature_not_supported', `This library cannot do ${next.type}.`);
      await challengeIn(challenge);
      const after = await this.read(kind, secret);
      const intent = after[kind.name];
      if (!intent || intent.status !== 'requires_payment_method') return after;
      const last = intent.last_payment_error ?? intent.last_setup_error;
      return { error: last ?? { type: 'invalid_request_error', code: 'payment_intent_authentication_failure', message: 'We could not authenticate this payment method. Choose another one and try again.', [kind.query]: intent } };
    }

    /** @param {IntentKind} kind @param {Bag} given */
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
        const { save_payment_method: _unused, expand: _expand, ...params } = confirmParams;
        const method = group ? { payment_method_data: { type: 'card', ...(params.payment_method_data ?? {}) } } : {};
        let result = await this.confirm(kind, secret, { ...params, ...method, use_stripe_sdk: redirect === 'if_required' && !params.return_url ? true : undefined }, group);
        result = await this.act(kind, secret, result);
        if (result.error || redirect === 'if_required') return result;
        const back = new URL(confirmParams.return_url, location.href);
        const intent = result[kind.name];
        back.searchParams.set(kind.query, intent.id);
        back.searchParams.set(`${kind.query}_client_secret`, secret);
        back.searchParams.set('redirect_status', intent.status === 'requires_payment_method' ? 'failed' : intent.status === 'processing' ? 'pending' : 'succeeded');
        location.assign(back.href);
        return new Promise(() => {});
      });
    }

    /** confirmCardPayment and confirmCardSetup. @param {IntentKind} kind @param {string} secret @param {Bag} data @param {Bag} options */
    async confirmCard(kind, secret, data = {}, options = {}) {
      return this.once(kind, secret, async () => {
        const { payment_method: method, ...rest } = data;
        let group = null;
        /** @type {Bag} */
        const params = { ...rest, use_stripe_sdk: options.handleActions === false || rest.return_url ? undefined : true };
        if (typeof method === 'string') {
          params.payment_method = method;
          const cvc = data.payment_method_options?.card?.cvc;
          if (cvc instanceof Element) {
            const token = await this.request('POST', '/v1/tokens', {}, { group: this.from(cvc).id, into: 'cvc_update' });
            if (token.error) return token;
            params.payment_method_options = { card: { cvc_token: token.id } };
          }
        } else if (method?.card instanceof Element) {
          group = this.from(method.card);
          const { card: _card, ...details } = method;
          params.payment_method_data = { type: 'card', ...details };
        } else if (method?.card?.token) {
          params.payment_method_data = { type: 'card', card: { token: method.card.token }, billing_details: method.billing_details };
        }
        const result = await this.confirm(kind, secret, params, group);
        return options.handleActions === false ? result : this.act(kind, secret, result);
      });
    }
  }

  /** Shows an issuer's page over ours until it says that it is done, or the customer leaves it. @param {string} url */
  function challengeIn(url) {
    return new Promise((done) => {
      const dialog = document.createElement('dialog');
      const frame = document.createElement('iframe');
      const close = document.createElement('button');
      const words = /^ko/.test(navigator.language) ? ['결제 인증', '취소'] : /^zh/.test(navigator.language) ? ['支付验证', '取消'] : ['Confirm it is you', 'Cancel'];
      frame.src = `${ORIGIN}/frames/challenge?to=${encodeURIComponent(url)}`;
      frame.title = words[0];
      dialog.setAttribute('aria-label', words[0]);
      close.type = 'button';
      close.textContent = words[1];
      const styles = /** @type {[HTMLElement, Record<string, string>][]} */ ([
        [dialog, { padding: '0', border: '0', 'border-radius': '12px', width: 'min(500px, 100vw)', 'max-width': '100vw', 'max-height': '100vh', background: '#fff', color: '#1a1f36' }],
        [frame, { border: '0', width: '100%', height: 'min(600px, calc(100vh - 48px))', display: 'block' }],
        [close, { font: 'inherit', width: '100%', 'min-height': '44px', border: '0', background: '#f1f3f7', color: '#1a1f36', cursor: 'pointer' }],
      ]);
      for (const [node, rules] of styles) for (const [name, value] of Object.entries(rules)) node.style.setProperty(name, value);
      const end = () => {
        removeEventListener('message', hear);
        dialog.remove();
        done(undefined);
      };
      /** @param {MessageEvent} message */
      const hear = (message) => {
        if (message.origin === ORIGIN && message.source === frame.contentWindow && message.data?.florin === 'challenge-done') end();
      };
      addEventListener('message', hear);
      close.addEventListener('click', end);
      dialog.addEventListener('cancel', end);
      dialog.append(frame, close);
      document.body.append(dialog);
      dialog.showModal();
    });
  }

  /** Stripe's interface has these too; a page that calls one gets an answer instead of a TypeError. */
  const NOT_OFFERED = (
    'confirmAcssDebitPayment confirmUsBankAccountPayment confirmAlipayPayment confirmAuBecsDebitPayment confirmBancontactPayment ' +
    'confirmBilliePayment confirmBlikPayment confirmBoletoPayment confirmCashappPayment confirmCustomerBalancePayment confirmEpsPayment ' +
    'confirmFpxPayment confirmGiropayPayment confirmGrabPayPayment confirmIdealPayment confirmKlarnaPayment confirmKonbiniPayment ' +
    'confirmMobilepayPayment confirmMultibancoPayment confirmOxxoPayment confirmP24Payment confirmPayByBankPayment confirmPayNowPayment ' +
    'confirmPayPalPayment confirmPixPayment confirmPromptPayPayment confirmSepaDebitPayment confirmSofortPayment confirmTwintPayment ' +
    'confirmWechatPayPayment confirmAffirmPayment confirmAfterpayClearpayPayment verifyMicrodepositsForPayment createRadarSession ' +
    'collectBankAccountForPayment confirmAcssDebitSetup confirmUsBankAccountSetup confirmAuBecsDebitSetup confirmBacsDebitSetup ' +
    'confirmBancontactSetup confirmBlikSetup confirmCashappSetup confirmIdealSetup confirmAmazonPaySetup confirmPayPalSetup ' +
    'confirmSepaDebitSetup confirmSofortSetup verifyMicrodepositsForSetup collectBankAccountForSetup processOrder retrieveOrder ' +
    'verifyIdentity collectFinancialConnectionsAccounts collectBankAccountToken createEphemeralKeyNonce createEmbeddedCheckoutPage ' +
    'initializePricing'
  ).split(' ');
  const unsupported = (/** @type {string} */ name) => failure('invalid_request_error', 'feature_not_supported', `${name} is not offered by Florin.`);

  /** @param {Client} client @returns {Bag} */
  function surface(client) {
    return {
      elements: (/** @type {Bag} */ options = {}) => new Group(client, options),
      confirmPayment: (/** @type {Bag} */ given) => client.confirmForm(PAYMENT, given),
      confirmSetup: (/** @type {Bag} */ given) => client.confirmForm(SETUP, given),
      confirmCardPayment: (/** @type {string} */ secret, /** @type {Bag} */ data, /** @type {Bag} */ options) => client.confirmCard(PAYMENT, secret, data, options),
      confirmCardSetup: (/** @type {string} */ secret, /** @type {Bag} */ data, /** @type {Bag} */ options) => client.confirmCard(SETUP, secret, data, options),
      retrievePaymentIntent: (/** @type {string} */ secret) => client.read(PAYMENT, secret),
      retrieveSetupIntent: (/** @type {string} */ secret) => client.read(SETUP, secret),
      async handleNextAction(/** @type {{clientSecret: string}} */ { clientSecret }) {
        const kind = String(clientSecret).startsWith('seti_') ? SETUP : PAYMENT;
        return client.act(kind, clientSecret, await client.read(kind, clientSecret));
      },
      async handleCardAction(/** @type {string} */ secret) {
        return client.act(PAYMENT, secret, await client.read(PAYMENT, secret));
      },
      async createPaymentMethod(/** @type {any} */ first, /** @type {any} */ second, /** @type {any} */ third) {
        if (first === 'card') return client.method({ ...(third ?? {}) }, client.from(second));
        if (first.elements) {
          const group = /** @type {Group} */ (first.elements);
          const checked = await group.submit();
          return checked.error ? checked : client.method(first, group);
        }
        if (first.card?.token) {
          const answer = await client.request('POST', '/v1/payment_methods', first);
          return answer.error ? answer : { paymentMethod: answer };
        }
        return client.method(first, client.from(first.element ?? first.card));
      },
      async createToken(/** @type {any} */ first, /** @type {any} */ data = {}) {
        if (typeof first === 'string' && first !== 'cvc_update') return unsupported(`createToken('${first}')`);
        const [element, into] = first === 'cvc_update' ? [data, /** @type {const} */ ('cvc_update')] : [first, /** @type {const} */ ('token')];
        const params = into === 'token' ? { card: data } : {};
        const answer = await client.request('POST', '/v1/tokens', params, { group: client.from(element).id, into });
        return answer.error ? answer : { token: answer };
      },
      async createConfirmationToken(/** @type {Bag} */ { elements, params = {} }) {
        const checked = await elements.submit();
        if (checked.error) return checked;
        const data = { ...params, payment_method_data: { type: 'card', ...(params.payment_method_data ?? {}) } };
        const answer = await client.request('POST', '/v1/confirmation_tokens', data, { group: elements.id, into: 'payment_method_data' });
        return answer.error ? answer : { confirmationToken: answer };
      },
      paymentRequest: () => {
        const listeners = new Listeners();
        const request = {
          canMakePayment: async () => null,
          show: () => {},
          abort: () => {},
          isShowing: () => false,
          update: () => {},
          on: (/** @type {string} */ event, /** @type {any} */ handler) => (listeners.add(event, handler), request),
          once: (/** @type {string} */ event, /** @type {any} */ handler) => (listeners.add(event, handler), request),
          off: (/** @type {string} */ event, /** @type {any} */ handler) => (listeners.drop(event, handler), request),
        };
        return request;
      },
      initCheckoutElementsSdk: () => ({ loadActions: async () => ({ type: 'error', error: unsupported('initCheckoutElementsSdk').error }), on() {}, changeAppearance() {}, loadFonts() {} }),
      initCheckoutFormSdk: () => ({ loadActions: async () => ({ type: 'error', error: unsupported('initCheckoutFormSdk').error }), on() {}, changeAppearance() {}, loadFonts() {} }),
      registerAppInfo() {},
      _registerWrapper() {},
      ...Object.fromEntries(NOT_OFFERED.map((name) => [name, async () => unsupported(name)])),
    };
  }

  /**
   * @param {string} pk the account's publishable key
   * @param {Bag} [options] `locale`, `apiVersion`
   * @returns {Surface}
   */
  function Florin(pk, options = {}) {
    demand(typeof pk === 'string' && /^pk_(test|live)_/.test(pk), typeof pk === 'string' && /^[sr]k_/.test(pk) ? 'That is a secret key. It must never be in a page: use the publishable one, pk_….' : 'Florin() takes the publishable key of your account: pk_test_… or pk_live_….');
    return /** @type {any} */ (surface(new Client(pk, options ?? {})));
  }
  Florin.version = VERSION;

  const page = /** @type {any} */ (window);
  page.Florin = Florin;
  page.Stripe ??= Florin;
})();
