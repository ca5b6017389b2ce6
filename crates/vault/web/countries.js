// @ts-check
// Countries by their ISO 3166-1 codes; the browser knows their names in every language.

const CODES = (
  'AC AD AE AF AG AI AL AM AO AR AT AU AW AX AZ BA BB BD BE BF BG BH BI BJ BL BM BN BO BQ BR BS BT BW BY BZ CA CD CF CG CH CI CK CL CM CN CO CR ' +
  'CV CW CY CZ DE DJ DK DM DO DZ EC EE EG EH ER ES ET FI FJ FK FO FR GA GB GD GE GF GG GH GI GL GM GN GP GQ GR GT GU GW GY HK HN HR HT HU ID IE IL ' +
  'IM IN IQ IS IT JE JM JO JP KE KG KH KI KM KN KR KW KY KZ LA LB LC LI LK LR LS LT LU LV LY MA MC MD ME MF MG MK ML MM MN MO MQ MR MS MT MU MV MW ' +
  'MX MY MZ NA NC NE NG NI NL NO NP NR NU NZ OM PA PE PF PG PH PK PL PM PN PR PS PT PY QA RE RO RS RU RW SA SB SC SE SG SH SI SJ SK SL SM SN SO SR ' +
  'SS ST SV SX SZ TA TC TD TF TG TH TJ TK TL TM TN TO TR TT TV TW TZ UA UG US UY UZ VA VC VE VG VN VU WF WS XK YE YT ZA ZM ZW'
).split(' ');

/** Where issuers check the postal code. @param {string} country */
export const needsPostal = (country) => ['US', 'CA', 'GB'].includes(country);

/** The region of a locale. @param {string} locale @returns {string} */
export function regionOf(locale) {
  try {
    return new Intl.Locale(locale).maximize().region ?? 'US';
  } catch {
    return 'US';
  }
}

/** A row of a form with the list of countries. @param {string} label @param {HTMLSelectElement} select */
export function countryRow(label, select) {
  const row = document.createElement('div');
  row.className = 'Field';
  const text = document.createElement('label');
  text.className = 'Label';
  text.htmlFor = 'country';
  text.textContent = label;
  const box = document.createElement('div');
  box.className = 'Input-box chooser';
  box.append(select);
  row.append(text, box);
  return row;
}

/** @param {string} language @param {string} chosen @returns {HTMLSelectElement} */
export function countries(language, chosen) {
  const names = new Intl.DisplayNames([language], { type: 'region', fallback: 'code' });
  const rows = CODES.map((code) => ({ code, name: names.of(code) ?? code }));
  rows.sort((a, b) => a.name.localeCompare(b.name, language));
  const select = document.createElement('select');
  select.className = 'Input';
  select.id = 'country';
  select.name = 'country';
  select.setAttribute('autocomplete', 'billing country');
  for (const { code, name } of rows) select.append(new Option(name, code, code === chosen, code === chosen));
  return select;
}
