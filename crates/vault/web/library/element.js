// @ts-check
// One field, or one form, in a frame: where it is in the page, how high it is, what it tells. Knows states, never what is typed.

const CLASSES = {
  base: 'StripeElement',
  complete: 'StripeElement--complete',
  empty: 'StripeElement--empty',
  focus: 'StripeElement--focus',
  invalid: 'StripeElement--invalid',
  webkitAutofill: 'StripeElement--webkit-autofill',
};
const TITLES = /** @type {Record<string, string>} */ ({
  card: 'Card details', cardNumber: 'Card number', cardExpiry: 'Expiry date', cardCvc: 'Security code',
  payment: 'Payment details', address: 'Address', linkAuthentication: 'E-mail',
});
/** Forms are higher than one line: a label, a field and the line for its message, as field.css has them. */
const ROW_PX = 98;
const NARROW_PX = 241;
const EDGE_PX = 4;
const LINE_PX = 20;
const MOST_PX = 2_000;
/** Room for the sentence that says why there is no form. */
const NOTICE_PX = 120;

/** The height that a frame has before it says its own, so that nothing jumps. @param {string} type @param {Bag} options @param {number} width */
function firstHeight(type, options, width) {
  const wide = width >= NARROW_PX;
  const ask = options.fields?.billingDetails;
  const place = ask !== 'never' && ask?.address !== 'never' && ask?.address?.country !== 'never';
  /** @type {Record<string, number>} */
  const rows = {
    payment: (wide ? 2 : 3) + (ask?.name === 'always' ? 1 : 0) + (place ? 1 : 0),
    address: wide ? 6 : 7,
    linkAuthentication: 1,
  };
  if (rows[type]) return rows[type] * ROW_PX;
  const size = /^(\d+(?:\.\d+)?)px$/.exec(String(options.style?.base?.fontSize ?? ''))?.[1];
  return size ? Math.ceil(Number(size) * 1.25) : LINE_PX;
}

class FormElement {
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
    this.labelled = () => this.focus();
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
    queueMicrotask(() => this.listeners.emit('loaderstart', { elementType: this._type }));
    const init = { group: this.group.id, kind: this._type, options: plain(this.options), look: this.group.look(), locale: this.group.locale };
    this.frame = new Frame('field', this.group.pk, init, (event, data) => this.heard(event, data));
    const node = this.frame.node;
    node.title = `Florin: ${TITLES[this._type] ?? this._type}`;
    const height = firstHeight(this._type, this.options, this.place.clientWidth);
    dress(node, { border: '0', width: '100%', display: 'block', background: 'transparent', height: `${height}px` });
    // The focus ring of a form is drawn outside its fields: the frame is that much wider than the page's column.
    if (ROWS.has(this._type)) dress(node, { width: `calc(100% + ${2 * EDGE_PX}px)`, margin: `0 -${EDGE_PX}px` });
    this.scheme();
    node.setAttribute('scrolling', 'no');
    this.place.append(node);
    for (const label of this.labels()) label.addEventListener('click', this.labelled);
    this.classes();
  }

  /** A frame of another scheme than its page would be painted on a ground of its own. */
  scheme() {
    if (this.frame) dress(this.frame.node, { 'color-scheme': this.group.dark() ? 'dark' : 'light' });
  }

  labels() {
    const id = this.place?.id;
    return id ? document.querySelectorAll(`label[for="${CSS.escape(id)}"]`) : [];
  }

  /** @param {string} event @param {any} data */
  heard(event, data) {
    const say = { elementType: this._type };
    if (event === 'resize') {
      if (this.frame) dress(this.frame.node, { height: `${Math.min(Math.max(Number(data) || 0, 16), MOST_PX)}px` });
      return;
    }
    if (event === 'loaderror' && this.frame) dress(this.frame.node, { height: `${NOTICE_PX}px` });
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
    else if (event === 'confirm') this.submit();
    else this.listeners.emit(event, say);
  }

  /** Enter in a field sends the page's form, as in a field of the page's own. */
  submit() {
    const form = this.place?.closest('form');
    const button = form?.querySelector('button:not([type]), [type="submit"]');
    if (form && !(button && 'disabled' in button && button.disabled)) form.requestSubmit();
  }

  classes() {
    if (!this.place || ROWS.has(this._type)) return;
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
    this.listeners.addOnce(event, handler);
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
    for (const label of this.labels()) label.removeEventListener('click', this.labelled);
    this.frame?.remove();
    this.frame = null;
    const names = Object.values({ ...CLASSES, ...(this.options.classes ?? {}) });
    for (const name of names) this.place?.classList.remove(...String(name).split(/\s+/).filter(Boolean));
    this.place = null;
    this.state = { complete: false, empty: true, focused: false, invalid: false };
    return this;
  }
  destroy() {
    this.unmount();
    this.destroyed = true;
    this.group.forget(this);
  }
  /** Checks all fields and shows what is missing. @param {boolean} focus on the first that is wrong @returns {Promise<any>} */
  async validate(focus) {
    if (!this.frame) return failure('invalid_request_error', 'element_not_mounted', `The ${this._type} element is not mounted.`);
    return this.frame.call('validate', { focus });
  }
  /** Of an address: what it holds. @returns {Promise<any>} */
  async getValue() {
    return this.frame ? this.frame.call('value') : { complete: false, isNewAddress: true, value: {} };
  }
}
/** Elements that are forms, with labels of their own. */
const ROWS = new Set(['payment', 'address', 'linkAuthentication']);
