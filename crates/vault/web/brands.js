// @ts-check
// Brands by their first digits: lengths, grouping, length of the code. Knows no page.

/** @typedef {{name: string, lengths: number[], groups: number[], code: number, code_name: string}} Brand */

/** @param {string} name @param {number[]} lengths @param {number[]} groups @param {number} code @param {string} code_name @returns {Brand} */
const brand = (name, lengths, groups, code, code_name) => ({ name, lengths, groups, code, code_name });

const FOURS = [4, 4, 4, 4, 3];
/** @type {[RegExp, Brand][]} the first that fits wins */
const BRANDS = [
  [/^3[47]/, brand('amex', [15], [4, 6, 5], 4, 'CID')],
  [/^(30[0-5]|3095|36|38|39)/, brand('diners', [14, 16, 19], [4, 6, 4], 3, 'CVV')],
  [/^35(2[89]|[3-8])/, brand('jcb', [16, 19], FOURS, 3, 'CAV')],
  [/^(5[1-5]|222[1-9]|22[3-9]|2[3-6]|27[01]|2720)/, brand('mastercard', [16], FOURS, 3, 'CVC')],
  [/^(6011|64[4-9]|65)/, brand('discover', [16, 19], FOURS, 3, 'CVV')],
  [/^(62|81)/, brand('unionpay', [16, 17, 18, 19], FOURS, 3, 'CVN')],
  [/^4/, brand('visa', [13, 16, 19], FOURS, 3, 'CVV')],
];
const UNKNOWN = brand('unknown', [12, 13, 14, 15, 16, 17, 18, 19], FOURS, 3, 'CVC');

/** @param {string} digits @returns {Brand} */
export function brandOf(digits) {
  return BRANDS.find(([first]) => first.test(digits))?.[1] ?? UNKNOWN;
}

/** @param {string} name @returns {Brand} */
export const brandNamed = (name) => BRANDS.find(([, b]) => b.name === name)?.[1] ?? UNKNOWN;

/** @param {string} digits */
export function grouped(digits) {
  const { groups } = brandOf(digits);
  const parts = [];
  let rest = digits;
  for (const size of groups) {
    if (rest === '') break;
    parts.push(rest.slice(0, size));
    rest = rest.slice(size);
  }
  return parts.join(' ') + rest;
}

/** ISO/IEC 7812-1, annex B. @param {string} digits */
export function luhn(digits) {
  let sum = 0;
  for (let i = 0; i < digits.length; i += 1) {
    let n = Number(digits[digits.length - 1 - i]);
    if (i % 2 === 1) n = n > 4 ? n * 2 - 9 : n * 2;
    sum += n;
  }
  return sum % 10 === 0;
}

/** What is wrong with a number: nothing, or the code of an error. @param {string} digits @returns {string | null} */
export function numberError(digits) {
  const { lengths } = brandOf(digits);
  if (lengths.includes(digits.length) && luhn(digits)) return null;
  const usual = lengths.find((n) => n >= 14) ?? 16;
  return digits.length < (lengths.length > 5 ? 16 : usual) ? 'incomplete_number' : 'invalid_number';
}

/** No more digits than this can follow. @param {string} digits */
export const longest = (digits) => Math.max(...brandOf(digits).lengths);

/** @param {string} text `MM / YY`, in digits @param {Date} today @returns {string | null} */
export function expiryError(text, today) {
  if (text.length !== 4) return 'incomplete_expiry';
  const { month, year } = expiryOf(text);
  if (month < 1 || month > 12) return 'invalid_expiry_month';
  const [y, m] = [today.getFullYear(), today.getMonth() + 1];
  if (year < y) return 'invalid_expiry_year_past';
  if (year === y && month < m) return 'invalid_expiry_month_past';
  return year > y + 50 ? 'invalid_expiry_year' : null;
}

/** @param {string} text two digits of the month, two of the year */
export function expiryOf(text) {
  return { month: Number(text.slice(0, 2)), year: 2000 + Number(text.slice(2, 4)) };
}

/** Takes what was typed or filled in to `MMYY`: `1/30`, `01/2030`, `130`. @param {string} text */
export function expiryDigits(text) {
  const parts = text.split(/[^0-9]+/).filter(Boolean);
  if (parts.length >= 2 && parts[0].length <= 2) {
    const month = parts[0].padStart(2, '0');
    const [year] = /^20[0-9]{0,2}/.exec(parts[1]) ?? [parts[1].slice(0, 2)];
    // A year of four digits is shown as it is typed until it is whole.
    return month + (year.length === 4 ? year.slice(2) : year);
  }
  const digits = text.replace(/[^0-9]/g, '');
  if (/^\s*[1-9]\s*\//.test(text)) return `0${digits}`;
  if (digits.length === 6) return digits.slice(0, 2) + digits.slice(4);
  return (/^[2-9]/.test(digits) ? `0${digits}` : digits).slice(0, 4);
}
