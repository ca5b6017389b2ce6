// @ts-check
// The fields: what may be typed, how it is shown, what is wrong with it. Know no message port.

import { brandNamed, brandOf, expiryDigits, expiryError, expiryOf, grouped, longest, numberError } from '/js/frames/brands.js';

/** @typedef {Record<string, string>} Words */

let counter = 0;

/** A field: `value` is what counts, without spaces. */
export class Input {
  /** @param {Words} words @param {Partial<HTMLInputElement> & {label: string}} attributes @param {() => void} changed */
  constructor(words, { label, ...attributes }, changed) {
    this.words = words;
    this.label = label;
    this.changed = changed;
    this.value = '';
    /** The focus was here and went on. */
    this.left = false;
    /** The form was to be sent. */
    this.asked = false;
    this.deleting = false;
    this.onFull = () => {};
    this.onBack = () => {};
    this.node = document.createElement('input');
    this.node.className = 'Input Input--empty';
    this.node.type = 'text';
    this.node.spellcheck = false;
    this.node.autocapitalize = 'off';
    this.node.id = `field-${(counter += 1)}`;
    Object.assign(this.node, attributes);
    this.node.addEventListener('input', (event) => this.typed(/** @type {InputEvent} */ (event).inputType?.startsWith('delete') === true));
    this.node.addEventListener('blur', () => this.leave());
    this.node.addEventListener('keydown', (event) => {
      if (event.key === 'Backspace' && this.node.value === '') this.onBack();
    });
  }

  /** The field alone; its label is for screen readers. */
  bare() {
    this.node.setAttribute('aria-label', this.label);
    return this.node;
  }

  /** The field under its label, with a place for a message. @param {string} text @param {string} [more] */
  labelled(text, more = '') {
    const field = document.createElement('div');
    field.className = `Field ${more}`;
    const label = document.createElement('label');
    label.className = 'Label';
    label.htmlFor = this.node.id;
    label.textContent = text;
    const box = document.createElement('div');
    box.className = 'Input-box';
    box.append(this.node);
    this.note = document.createElement('p');
    this.note.className = 'Error';
    this.note.id = `${this.node.id}-error`;
    this.note.setAttribute('aria-live', 'polite');
    field.append(label, box, this.note);
    return field;
  }

  /** @param {boolean} deleting */
  typed(deleting) {
    this.deleting = deleting;
    this.value = this.clean(this.node.value);
    this.show();
    this.deleting = false;
    this.after();
    if (!deleting && this.full()) this.onFull();
  }
  /** @param {string} value */
  set(value) {
    this.value = this.clean(value);
    [this.left, this.asked] = [false, false];
    this.show();
    this.after();
  }
  leave() {
    this.left = true;
    this.after();
  }
  /** From now on a field that is empty is complained of too. */
  ask() {
    this.asked = true;
    this.after();
  }

  /** Says and shows what changed. */
  after() {
    const wrong = this.shownError();
    this.node.classList.toggle('Input--invalid', wrong !== null);
    this.node.classList.toggle('Input--complete', this.error() === null);
    this.node.classList.toggle('Input--empty', this.value === '');
    this.node.setAttribute('aria-invalid', String(wrong !== null));
    if (this.note) {
      // Beside each other two fields have room for a few words.
      const text = wrong === null ? '' : (this.words[`${wrong}_short`] ?? this.words[wrong] ?? '');
      if (this.note.textContent !== text) this.note.textContent = text;
      if (wrong === null) this.node.removeAttribute('aria-describedby');
      else this.node.setAttribute('aria-describedby', this.note.id);
    }
    this.changed();
  }

  /** @param {string} text @returns {string} */
  clean(text) {
    return text.replace(/[^0-9]/g, '');
  }
  show() {
    if (this.node.value !== this.value) this.node.value = this.value;
  }
  full() {
    return false;
  }
  /** @returns {string | null} the code of what is wrong or missing */
  error() {
    return null;
  }
  /** What is said of it: nothing while somebody is still typing, and nothing of an empty field before the form is sent. @returns {string | null} */
  shownError() {
    const code = this.error();
    if (code === null || this.asked) return code;
    if (this.value === '') return null;
    return this.left || !code.startsWith('incomplete') ? code : null;
  }

  /** Shows the value in groups and leaves the caret behind the digit that it was behind. @param {string} shown */
  place(shown) {
    const { node } = this;
    if (node.value === shown) return;
    const before = node.value.slice(0, node.selectionStart ?? node.value.length).replace(/[^0-9]/g, '').length;
    const end = node.selectionStart === node.value.length;
    node.value = shown;
    if (end || document.activeElement !== node) return;
    let at = 0;
    for (let digits = 0; at < shown.length && digits < before; at += 1) if (/[0-9]/.test(shown[at])) digits += 1;
    node.setSelectionRange(at, at);
  }
}

export class CardNumber extends Input {
  /** @param {Words} words @param {() => void} changed */
  constructor(words, changed) {
    super(words, { label: words.number, name: 'cardnumber', autocomplete: 'cc-number', inputMode: 'numeric', placeholder: '1234 1234 1234 1234' }, changed);
    this.short = false;
  }
  /** @param {string} text */
  clean(text) {
    const digits = super.clean(text);
    return digits.slice(0, longest(digits));
  }
  show() {
    this.place(this.short ? this.value.slice(-4) : grouped(this.value));
  }
  /** Shows the last digits alone, if there is a whole number. @param {boolean} short */
  shorten(short) {
    const was = this.short;
    this.short = short && this.error() === null;
    if (was === this.short) return;
    this.node.classList.toggle('short', this.short);
    this.show();
    // Whoever comes by the Tab key finds the field selected, as any other.
    if (was) this.node.select();
  }
  full() {
    const { lengths } = brandOf(this.value);
    return numberError(this.value) === null && (this.value.length === 16 || lengths.length === 1);
  }
  error() {
    return numberError(this.value);
  }
}

export class Expiry extends Input {
  /** @param {Words} words @param {() => void} changed */
  constructor(words, changed) {
    super(words, { label: words.expiry, name: 'exp-date', autocomplete: 'cc-exp', inputMode: 'numeric', placeholder: words.expiry_hint }, changed);
  }
  /** @param {string} text */
  clean(text) {
    return expiryDigits(text);
  }
  show() {
    const { value } = this;
    const month = value.slice(0, 2);
    this.place(value.length > 2 || (value.length === 2 && !this.deleting) ? `${month} / ${value.slice(2)}` : value);
  }
  full() {
    return this.value.length === 4 && this.error() === null;
  }
  error() {
    // `20` may become a year of four digits.
    if (this.value.endsWith('20') && document.activeElement === this.node && !this.asked) return 'incomplete_expiry';
    return expiryError(this.value, new Date());
  }
  parts() {
    const { month, year } = expiryOf(this.value);
    return { exp_month: String(month), exp_year: String(year) };
  }
}

export class Cvc extends Input {
  /** @param {Words} words @param {() => void} changed */
  constructor(words, changed) {
    super(words, { label: words.cvc, name: 'cvc', autocomplete: 'cc-csc', inputMode: 'numeric', placeholder: words.cvc_short }, changed);
    this.digits = 3;
    this.known = false;
  }
  /** @param {string} name */
  brand(name) {
    const digits = brandNamed(name).code;
    const known = name !== 'unknown';
    if (digits === this.digits && known === this.known) return;
    [this.digits, this.known] = [digits, known];
    this.node.title = digits === 4 ? this.words.cvc_where_amex : this.words.cvc_where;
    if (this.value !== '') this.set(this.value);
  }
  /** @param {string} text */
  clean(text) {
    return super.clean(text).slice(0, this.known ? this.digits : 4);
  }
  full() {
    return this.known && this.error() === null;
  }
  error() {
    const enough = this.known ? this.value.length === this.digits : this.value.length >= 3;
    return enough ? null : 'incomplete_cvc';
  }
}

export class Postal extends Input {
  /** @param {Words} words @param {() => void} changed */
  constructor(words, changed) {
    super(words, { label: words.postal, name: 'postal', autocomplete: 'billing postal-code', placeholder: words.postal_short, autocapitalize: 'characters' }, changed);
  }
  /** @param {string} text */
  clean(text) {
    return text.replace(/[^0-9A-Za-z -]/g, '').slice(0, 12);
  }
  error() {
    return this.value.trim().length >= 3 ? null : 'incomplete_zip';
  }
}

/** A plain field of an address. */
export class Text extends Input {
  /** @param {string} name @param {Words} words @param {{autocomplete: string, missing: string | null, type?: string, label?: string}} how @param {() => void} changed */
  constructor(name, words, { autocomplete, missing, type = 'text', label }, changed) {
    super(words, { label: label ?? words[name] ?? name, name, autocomplete: /** @type {any} */ (autocomplete), type, maxLength: 200 }, changed);
    this.name = name;
    this.missing = missing;
  }
  /** @param {string} text */
  clean(text) {
    return text.slice(0, 200);
  }
  show() {
    if (this.node.value !== this.value) this.node.value = this.value;
  }
  error() {
    if (this.missing === null) return null;
    if (this.node.type === 'email') return /^[^@\s]+@[^@\s]+\.[^@\s]+$/.test(this.value.trim()) ? null : this.missing;
    return this.value.trim() === '' ? this.missing : null;
  }
}
