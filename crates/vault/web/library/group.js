// @ts-check
// What `elements()` gives: the elements of one form. They are one group, whose frames find each other; nothing happens on creation.

const ELEMENTS = ['card', 'cardNumber', 'cardExpiry', 'cardCvc', 'payment', 'address', 'linkAuthentication', 'expressCheckout'];
/** The first of these that is mounted gives the card. */
const CARD_ELEMENTS = ['payment', 'card', 'cardNumber'];

const DARK = matchMedia('(prefers-color-scheme: dark)');

class Group {
  /** @param {Client} client @param {Bag} options */
  constructor(client, options) {
    this.client = client;
    this.pk = client.pk;
    this.options = options;
    this.id = random();
    /** @type {FormElement[]} */
    this.all = [];
    this.listeners = new Listeners();
    this.locale = String(options.locale ?? client.options.locale ?? 'auto');
  }
  /** Our own addition to Stripe's themes: `auto` follows the reader's scheme. */
  theme() {
    const theme = this.options.appearance?.theme;
    return theme === 'auto' ? (DARK.matches ? 'night' : 'stripe') : theme;
  }
  dark() {
    return this.theme() === 'night';
  }
  look() {
    return plain({ appearance: { ...(this.options.appearance ?? {}), theme: this.theme() } });
  }
  /** Tells the frames how they are to look now. */
  restyle() {
    for (const element of this.all) {
      element.scheme();
      element.frame?.tell({ op: 'look', args: { look: this.look() } });
    }
  }
  /** @param {string} type @param {Bag} [options] @returns {any} */
  create(type, options = {}) {
    demand(ELEMENTS.includes(type), `There is no element of type ${type}; there are ${ELEMENTS.join(', ')}.`);
    demand(!this.all.some((e) => e._type === type), `This form has a ${type} element already. Destroy it, or take it with getElement().`);
    const element = new FormElement(this, type, options ?? {});
    if (this.all.push(element) === 1) DARK.addEventListener('change', () => this.restyle());
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
    this.restyle();
    this.listeners.emit('update-end', undefined);
  }
  /** @returns {Promise<any>} */
  async fetchUpdates() {
    return {};
  }
  /** @param {string} event @param {any} handler @returns {any} */
  on(event, handler) {
    this.listeners.add(event, handler);
    return this;
  }
  /** Checks all, shows everything that is missing, and gives the first. @returns {Promise<any>} */
  async submit() {
    let first = null;
    for (const element of this.all.filter((e) => e.frame)) {
      const answer = await element.validate(first === null);
      first ??= answer?.error ?? null;
    }
    return first ? { error: first } : { selectedPaymentMethod: 'card' };
  }
  /** @param {FormElement} element @param {any} data */
  changed(element, data) {
    // A code has as many digits as the brand beside it wants.
    if (element._type === 'cardNumber') this.getElement('cardCvc')?.frame?.tell({ op: 'brand', args: { brand: data.brand } });
  }
  /** @param {FormElement} element */
  forget(element) {
    this.all = this.all.filter((e) => e !== element);
  }
  cardElement() {
    return CARD_ELEMENTS.map((type) => this.getElement(type)).find((element) => element?.frame) ?? null;
  }
}
