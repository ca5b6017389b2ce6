// @ts-check
// The plain forms: an address, an e-mail address. Know no card.

import { Text } from '/js/frames/inputs.js';
import { countries, countryRow, regionOf } from '/js/frames/countries.js';

/** @typedef {Record<string, string>} Words */

/** @param {HTMLElement} root @param {Words} words @param {any} options @param {() => void} changed */
export function email(root, words, options, changed) {
  const input = new Text('email', words, { autocomplete: 'email', missing: 'incomplete_email', type: 'email' }, changed);
  root.append(input.labelled(words.email, 'wide'));
  input.set(options.defaultValues?.email ?? '');
  return [input];
}

/** @param {HTMLElement} root @param {Words} words @param {any} options @param {() => void} changed */
export function address(root, words, options, changed) {
  const first = options.defaultValues ?? {};
  const kind = options.mode === 'shipping' ? 'shipping' : 'billing';
  /** @type {[string, string, string | null, string][]} */
  const rows = [
    ['name', 'name', 'incomplete_name', 'wide'],
    ['line1', 'address-line1', 'incomplete_address', 'wide'],
    ['line2', 'address-line2', null, 'wide'],
    ['city', 'address-level2', 'incomplete_address', ''],
    ['postal_code', 'postal-code', 'incomplete_zip', ''],
    ['state', 'address-level1', null, options.fields?.phone === 'always' ? '' : 'wide'],
  ];
  if (options.fields?.phone === 'always') rows.push(['phone', 'tel', null, '']);
  const inputs = rows.map(([name, complete, missing, wide]) => {
    const label = name === 'postal_code' ? words.postal : words[name];
    const input = new Text(name, words, { autocomplete: `${kind} ${complete}`, missing, label }, changed);
    root.append(input.labelled(label, wide));
    input.set((name === 'name' || name === 'phone' ? first[name] : first.address?.[name]) ?? '');
    return input;
  });
  const country = new Text('country', words, { autocomplete: `${kind} country`, missing: null }, changed);
  const select = countries(document.documentElement.lang, first.address?.country ?? regionOf(navigator.language));
  const place = countryRow(words.country, select);
  root.insertBefore(place, root.children[1] ?? null);
  place.classList.add('wide');
  const take = () => country.set(select.value);
  select.addEventListener('change', take);
  take();
  return [...inputs, country];
}
