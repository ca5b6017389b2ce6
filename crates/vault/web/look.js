// @ts-check
// What a merchant may say about looks. Every property and selector is on a list, every value is tried by the browser before it is
// used, and nothing can make a request. Knows no field's value.

/** Properties of the fields, as the browser's own names. */
const PROPERTIES = new Set([
  'backgroundColor', 'color', 'fontFamily', 'fontSize', 'fontStyle', 'fontVariant', 'fontWeight', 'lineHeight', 'letterSpacing', 'textAlign', 'padding',
  'textDecoration', 'textShadow', 'textTransform', 'border', 'borderColor', 'borderWidth', 'borderStyle', 'borderRadius', 'boxShadow', 'margin', 'opacity',
  'outline', 'outlineOffset', 'paddingTop', 'paddingBottom', 'paddingLeft', 'paddingRight', 'marginTop', 'marginBottom', 'marginLeft', 'marginRight',
  'borderTop', 'borderBottom', 'borderLeft', 'borderRight', 'fill', 'transition', 'caretColor',
]);
const SELECTORS = /^\.(Input|Label|Error|Field|Block)(--(invalid|complete|empty))?(:(hover|focus|disabled|autofill)|::(placeholder|selection))?$/;
/** A value that could load something, or end the rule. */
const FORBIDDEN = /url\s*\(|image|expression|@|[;{}<>\\]/i;

const VARIABLES = /** @type {Record<string, [string, string]>} */ ({
  colorPrimary: ['--primary', 'color'],
  colorBackground: ['--ground', 'color'],
  colorText: ['--ink', 'color'],
  colorTextSecondary: ['--ink-soft', 'color'],
  colorTextPlaceholder: ['--ink-faint', 'color'],
  colorDanger: ['--danger', 'color'],
  colorWarning: ['--warning', 'color'],
  colorSuccess: ['--success', 'color'],
  iconColor: ['--icon', 'color'],
  fontFamily: ['--font', 'font-family'],
  fontSizeBase: ['--size', 'font-size'],
  fontSizeSm: ['--size-small', 'font-size'],
  fontWeightNormal: ['--weight', 'font-weight'],
  fontWeightMedium: ['--weight-label', 'font-weight'],
  fontLineHeight: ['--line', 'line-height'],
  spacingUnit: ['--unit', 'width'],
  gridRowSpacing: ['--gap-row', 'width'],
  gridColumnSpacing: ['--gap-column', 'width'],
  spacingGridRow: ['--gap-row', 'width'],
  spacingGridColumn: ['--gap-column', 'width'],
  borderRadius: ['--radius', 'border-radius'],
  focusBoxShadow: ['--focus', 'box-shadow'],
});
const THEMES = new Set(['night', 'flat']);
const MOST_RULES = 100;

/** @param {string} property @param {unknown} value @returns {string | null} */
function allowed(property, value) {
  const text = String(value).trim();
  if (text.length > 200 || FORBIDDEN.test(text) || !CSS.supports(property, text)) return null;
  return text;
}

const dashed = (/** @type {string} */ name) => name.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`);

const own = new CSSStyleSheet();
const theirs = new CSSStyleSheet();
document.adoptedStyleSheets = [own, theirs];

/** @param {CSSStyleSheet} sheet @param {string} selector @param {Record<string, unknown>} properties */
function add(sheet, selector, properties) {
  if (sheet.cssRules.length >= MOST_RULES) return;
  // Stronger than our own rules, whatever a merchant names.
  const at = sheet.insertRule(`:root body ${selector} {}`, sheet.cssRules.length);
  const rule = /** @type {CSSStyleRule} */ (sheet.cssRules[at]);
  for (const [name, value] of Object.entries(properties)) {
    if (!PROPERTIES.has(name)) continue;
    const text = allowed(dashed(name), value);
    if (text !== null) rule.style.setProperty(dashed(name), text);
  }
}

const clear = (/** @type {CSSStyleSheet} */ sheet) => {
  while (sheet.cssRules.length > 0) sheet.deleteRule(0);
};

/** The `style` of a card element: base, complete, empty, invalid, each with its pseudo-classes. @param {any} style */
export function applyStyle(style) {
  clear(own);
  if (typeof style !== 'object' || style === null) return;
  for (const [variant, selector] of [['base', '.Input'], ['complete', '.Input--complete'], ['empty', '.Input--empty'], ['invalid', '.Input--invalid']]) {
    const given = style[variant];
    if (typeof given !== 'object' || given === null) continue;
    add(own, selector, given);
    for (const pseudo of [':hover', ':focus', '::placeholder', '::selection', ':-webkit-autofill', ':disabled']) {
      if (typeof given[pseudo] === 'object' && given[pseudo] !== null) add(own, `${selector}${pseudo === ':-webkit-autofill' ? ':autofill' : pseudo}`, given[pseudo]);
    }
    const icon = given.iconColor && allowed('color', given.iconColor);
    if (icon && variant === 'base') document.documentElement.style.setProperty('--icon', icon);
  }
}

/** The appearance of a form: a theme, variables, rules, fonts. @param {any} look */
export function applyAppearance(look) {
  const appearance = look?.appearance ?? {};
  const root = document.documentElement;
  for (const [name] of Object.values(VARIABLES)) root.style.removeProperty(name);
  root.dataset.theme = THEMES.has(appearance.theme) ? appearance.theme : 'stripe';
  for (const [name, value] of Object.entries(appearance.variables ?? {})) {
    const known = VARIABLES[name];
    const text = known && allowed(known[1], value);
    if (text) root.style.setProperty(known[0], text);
  }
  clear(theirs);
  for (const [selector, properties] of Object.entries(appearance.rules ?? {})) {
    if (SELECTORS.test(selector) && typeof properties === 'object' && properties !== null) add(theirs, selector, /** @type {any} */ (properties));
  }
}
