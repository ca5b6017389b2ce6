// @ts-check
// The small card beside a number: a plain card in each brand's colours with its letters, drawn here. No brand's own artwork.

const SVG = 'http://www.w3.org/2000/svg';
/** @type {Record<string, [string, string, string]>} name, ground, ink */
const FACES = {
  visa: ['VISA', '#1a3a8f', '#ffffff'],
  mastercard: ['MC', '#3b3b3b', '#ffb066'],
  amex: ['AMEX', '#1f72c2', '#ffffff'],
  discover: ['DISC', '#f4f1ea', '#b4530a'],
  diners: ['DC', '#3a5a78', '#ffffff'],
  jcb: ['JCB', '#0d6e3f', '#ffffff'],
  unionpay: ['UP', '#a3192b', '#ffffff'],
};

export class Icon {
  /** @param {unknown} style `solid` draws in the colour of the text */
  constructor(style) {
    this.solid = style === 'solid';
    this.node = document.createElementNS(SVG, 'svg');
    this.node.setAttribute('class', 'Icon');
    this.node.setAttribute('viewBox', '0 0 32 20');
    this.node.setAttribute('role', 'img');
    this.shown = '';
    this.show('unknown');
  }
  /** @param {string} brand */
  show(brand) {
    if (brand === this.shown) return;
    this.shown = brand;
    const face = FACES[brand];
    this.node.setAttribute('aria-label', face ? brand : 'card');
    const card = shape('rect', { x: '0.5', y: '0.5', width: '31', height: '19', rx: '3', class: 'Icon-card' });
    const parts = [card];
    if (face && !this.solid) {
      card.style.setProperty('fill', face[1]);
      card.style.setProperty('stroke', 'none');
    }
    if (face) {
      const text = shape('text', { x: '16', y: '13.2', 'text-anchor': 'middle', 'font-size': '8', 'font-weight': '700', 'font-family': 'system-ui, sans-serif', class: 'Icon-text' });
      if (!this.solid) text.style.setProperty('fill', face[2]);
      text.textContent = face[0];
      parts.push(text);
    } else {
      parts.push(shape('rect', { x: '1', y: '5', width: '30', height: '3.4', class: 'Icon-line' }), shape('rect', { x: '4', y: '12', width: '9', height: '2.4', rx: '1', class: 'Icon-line' }));
    }
    this.node.replaceChildren(...parts);
  }
}

/** The back of a card, with the place of its code. */
export function codeIcon() {
  const svg = document.createElementNS(SVG, 'svg');
  for (const [name, value] of [['class', 'Icon'], ['viewBox', '0 0 32 20'], ['aria-hidden', 'true']]) svg.setAttribute(name, value);
  svg.append(
    shape('rect', { x: '0.5', y: '0.5', width: '31', height: '19', rx: '3', class: 'Icon-card' }),
    shape('rect', { x: '1', y: '4', width: '30', height: '3.4', class: 'Icon-line' }),
    shape('rect', { x: '4', y: '11', width: '11', height: '4', rx: '1', class: 'Icon-line' }),
    ...[19, 22.5, 26].map((x) => shape('circle', { cx: String(x), cy: '13', r: '1.3', class: 'Icon-mark' })),
  );
  return svg;
}

/** @param {string} name @param {Record<string, string>} attributes @returns {SVGElement} */
function shape(name, attributes) {
  const node = document.createElementNS(SVG, name);
  for (const [key, value] of Object.entries(attributes)) node.setAttribute(key, value);
  return /** @type {SVGElement} */ (node);
}
