// @ts-check
// One element in its frame: a card field, a line of them, or a whole form. Keeps what is typed to itself and to the frames of the
// same form; the page hears only states.

import { brandOf } from '/js/frames/brands.js';
import { Icon, codeIcon } from '/js/frames/icon.js';
import { Cvc, Expiry, Postal, CardNumber, Text } from '/js/frames/inputs.js';
import { address, email } from '/js/frames/forms.js';
import { applyAppearance, applyStyle } from '/js/frames/look.js';
import { listen } from '/js/frames/port.js';
import { WORDS, language } from '/js/frames/words.js';
import { countries, countryRow, needsPostal, regionOf } from '/js/frames/countries.js';

listen((init, line) => {
  const field = new Field(init, line);
  // What the other frames of this form may ask. Windows of other origins cannot see it.
  Object.assign(window, { florin: { group: init.group, kind: init.kind, read: () => field.read() } });
  field.begin();
  return (op, args) => field.answer(op, args);
});

class Field {
  /** @param {any} init @param {import('/js/frames/port.js').Line} line */
  constructor(init, line) {
    this.kind = String(init.kind);
    this.options = init.options ?? {};
    this.look = init.look ?? {};
    this.line = line;
    this.words = WORDS[language(init.locale ?? 'auto')];
    document.documentElement.lang = language(init.locale ?? 'auto');
    /** @type {import('/js/frames/inputs.js').Input[]} */
    this.inputs = [];
    this.said = '';
    this.focused = false;
    this.root = /** @type {HTMLElement} */ (document.getElementById('form'));
    this.begun = false;
    const changed = () => this.changed();
    this.number = new CardNumber(this.words, changed);
    this.expiry = new Expiry(this.words, changed);
    this.cvc = new Cvc(this.words, changed);
    this.postal = new Postal(this.words, changed);
    this.icon = new Icon(this.options.iconStyle);
  }

  begin() {
    const { kind, words } = this;
    document.body.dataset.kind = kind;
    const changed = () => this.changed();
    if (kind === 'card') this.row();
    else if (kind === 'payment') this.form();
    else if (kind === 'address') this.inputs = address(this.root, words, this.options, changed);
    else if (kind === 'linkAuthentication') this.inputs = email(this.root, words, this.options, changed);
    else this.single();
    this.dress();
    this.listenToKeys();
    this.option(this.options);
    const size = () => this.line.tell('resize', Math.ceil(this.root.getBoundingClientRect().height));
    new ResizeObserver(size).observe(this.root);
    size();
    this.line.tell('ready');
    this.begun = true;
  }

  /** One field alone. */
  single() {
    const fields = /** @type {Record<string, import('/js/frames/inputs.js').Input>} */ ({ cardNumber: this.number, cardExpiry: this.expiry, cardCvc: this.cvc });
    const input = fields[this.kind];
    this.inputs = [input];
    if (this.kind === 'cardNumber' && this.options.showIcon) this.root.append(this.icon.node);
    this.root.append(input.bare());
  }

  /** Number, expiry, code and postal code on one line. */
  row() {
    this.inputs = [this.number, this.expiry, this.cvc];
    if (this.options.hideIcon !== true) this.root.append(this.icon.node);
    if (this.options.hidePostalCode !== true) this.inputs.push(this.postal);
    for (const input of this.inputs) this.root.append(input.bare());
    this.postal.set(this.options.value?.postalCode ?? '');
    this.number.node.placeholder = this.words.number;
    this.walk();
    const narrow = matchMedia('(max-width: 430px)');
    const fit = () => this.number.shorten(narrow.matches && document.activeElement !== this.number.node);
    for (const event of ['focus', 'blur']) this.number.node.addEventListener(event, fit);
    narrow.addEventListener('change', fit);
    // What slid out of sight comes back when the number is typed again.
    this.number.node.addEventListener('focus', () => this.root.scrollTo({ left: 0 }));
  }

  /** The whole form, with labels and messages. */
  form() {
    const { words } = this;
    const ask = this.options.fields?.billingDetails;
    const addressed = ask !== 'never' && ask?.address !== 'never';
    this.inputs = [this.number, this.expiry, this.cvc];
    const number = this.number.labelled(words.number, 'wide');
    number.querySelector('.Input-box')?.append(this.icon.node);
    const cvc = this.cvc.labelled(words.cvc);
    cvc.querySelector('.Input-box')?.append(codeIcon());
    this.root.append(number, this.expiry.labelled(words.expiry), cvc);
    if (ask?.name === 'always') {
      const name = new Text('name', words, { autocomplete: 'cc-name', missing: 'incomplete_name' }, () => this.changed());
      name.set(this.options.defaultValues?.billingDetails?.name ?? '');
      this.inputs.unshift(name);
      this.root.prepend(name.labelled(words.name, 'wide'));
    }
    if (addressed && ask?.address?.country !== 'never') this.country();
    this.walk();
  }

  country() {
    const asked = this.options.defaultValues?.billingDetails?.address?.country ?? regionOf(navigator.language);
    const select = countries(document.documentElement.lang, asked);
    this.select = select;
    this.postal.set(this.options.defaultValues?.billingDetails?.address?.postal_code ?? '');
    const place = countryRow(this.words.country, select);
    const postal = this.postal.labelled(this.words.postal);
    const show = () => {
      const needed = needsPostal(select.value);
      postal.hidden = !needed;
      place.classList.toggle('wide', !needed);
      this.inputs = this.inputs.filter((input) => input !== this.postal);
      if (needed) this.inputs.push(this.postal);
      this.changed();
    };
    select.addEventListener('change', show);
    this.root.append(place, postal);
    show();
  }

  /** A full field hands the focus on; an empty one takes it back on Backspace. */
  walk() {
    this.inputs.forEach((input, at) => {
      input.onFull = () => this.inputs[at + 1]?.node.focus();
      input.onBack = () => this.inputs[at - 1]?.node.focus();
    });
  }

  listenToKeys() {
    this.root.addEventListener('focusin', () => {
      if (!this.focused) this.line.tell('focus');
      this.focused = true;
    });
    this.root.addEventListener('focusout', (event) => {
      if (event.relatedTarget) return;
      this.focused = false;
      this.line.tell('blur');
    });
    this.root.addEventListener('keydown', (event) => {
      if (event.key === 'Escape') this.line.tell('escape');
      if (event.key === 'Enter') this.line.tell('confirm');
    });
  }

  /** Tells the page a new state, and nothing when the state is as before: no rhythm of keys can be heard. */
  changed() {
    if (!this.begun) return;
    const brand = brandOf(this.number.value).name;
    this.icon.show(brand);
    if (this.kind === 'card' || this.kind === 'payment') this.cvc.brand(brand);
    const wrong = this.inputs.map((input) => input.shownError()).find((code) => code !== null) ?? null;
    const state = {
      complete: this.inputs.every((input) => input.error() === null),
      empty: this.inputs.every((input) => input.value === ''),
      error: wrong ? this.message(wrong) : undefined,
      ...this.beside(brand),
    };
    const text = JSON.stringify(state);
    if (text === this.said) return;
    this.said = text;
    this.line.tell('change', state);
  }

  /** What a kind of element tells besides. @param {string} brand */
  beside(brand) {
    if (this.kind === 'card') return { brand, value: { postalCode: this.postal.value ?? '' } };
    if (this.kind === 'cardNumber') return { brand };
    if (this.kind === 'payment') return { collapsed: false, value: { type: 'card' } };
    if (this.kind === 'address' || this.kind === 'linkAuthentication') return { value: this.read().value };
    return {};
  }

  /** @param {string} code */
  message(code) {
    return { type: 'validation_error', code, message: this.words[code] ?? code };
  }

  /** For the controller of this form: the values of these fields, by the API's names. */
  read() {
    /** @type {any} */
    const out = {};
    const card = ['card', 'payment', 'cardNumber', 'cardExpiry', 'cardCvc'].includes(this.kind);
    if (card && this.inputs.includes(this.number)) out.number = this.number.value;
    if (card && this.inputs.includes(this.expiry)) Object.assign(out, this.expiry.parts());
    if (card && this.inputs.includes(this.cvc)) out.cvc = this.cvc.value;
    /** @type {any} */
    const place = {};
    if (this.kind === 'payment' && this.select) place.country = this.select.value;
    if (this.inputs.includes(this.postal) && this.postal.value) place.postal_code = this.postal.value;
    const texts = Object.fromEntries(this.inputs.filter((input) => input instanceof Text && input.value).map((input) => [/** @type {Text} */ (input).name, input.value]));
    if (this.kind === 'linkAuthentication') return { billing: texts, value: texts };
    if (this.kind === 'address') {
      const { name, phone, ...address } = texts;
      return { billing: { name, phone, address }, value: { name: name ?? '', phone, address } };
    }
    if (texts.name || Object.keys(place).length > 0) out.billing = { ...(texts.name ? { name: texts.name } : {}), ...(Object.keys(place).length > 0 ? { address: place } : {}) };
    return out;
  }

  /** @param {string} op @param {any} args @returns {any} */
  answer(op, args) {
    if (op === 'focus') (this.inputs.find((input) => input.error() !== null) ?? this.inputs[0])?.node.focus();
    else if (op === 'blur') /** @type {HTMLElement | null} */ (document.activeElement)?.blur();
    else if (op === 'clear') this.clear();
    else if (op === 'update') this.option(args.options ?? {});
    else if (op === 'look') this.dress(args.look ?? {});
    else if (op === 'brand') this.cvc.brand(String(args.brand));
    else if (op === 'validate') return this.validate(args.focus !== false);
    else if (op === 'value') return { complete: this.inputs.every((input) => input.error() === null), isNewAddress: true, value: this.beside('').value ?? {} };
    return {};
  }

  /** @param {any} [look] */
  dress(look = this.look) {
    this.look = look;
    applyAppearance(look);
    applyStyle(this.options.style);
  }

  clear() {
    for (const input of this.inputs) input.set('');
    this.changed();
  }

  /** Shows all that is missing or wrong. @param {boolean} focus on the first of it */
  validate(focus) {
    for (const input of this.inputs) input.ask();
    const wrong = this.inputs.find((input) => input.error() !== null);
    this.changed();
    if (!wrong) return {};
    if (focus) wrong.node.focus();
    return { error: this.message(/** @type {string} */ (wrong.error())) };
  }

  /** @param {any} options */
  option(options) {
    this.options = { ...this.options, ...options };
    const off = this.options.disabled === true || this.options.readOnly === true;
    for (const input of this.inputs) input.node.disabled = off;
    if (this.options.placeholder && this.inputs.length === 1) this.inputs[0].node.placeholder = String(this.options.placeholder);
    if (options.style) applyStyle(options.style);
  }
}
