// @ts-check
// The frame around an issuer's page: shows it, and tells the page above whenever it went on. Knows no card and no result.

const query = new URL(location.href).searchParams;
const bank = /** @type {HTMLIFrameElement} */ (document.getElementById('bank'));
const own = (/** @type {URL} */ at) => at.hostname === '127.0.0.1' || at.hostname === 'localhost' || at.hostname.endsWith('.localhost');

/** @param {string} text */
function address(text) {
  try {
    const at = new URL(text);
    return at.protocol === 'https:' || (at.protocol === 'http:' && own(at)) ? at : null;
  } catch {
    return null;
  }
}

const to = address(query.get('to') ?? '');
// Only the page that shows this frame hears of it.
const above = location.ancestorOrigins?.[0] ?? '*';
if (to) {
  document.documentElement.lang = query.get('lang') ?? 'en';
  bank.addEventListener('load', () => parent.postMessage({ florin: 'challenge-moved' }, above));
  bank.src = to.href;
}
