// @ts-check
// The frame around an issuer's page: shows it, and tells the page above whenever it went on. Knows no card and no result.

import { WORDS, language } from '/js/frames/words.js';

/** Where authentications of this installation begin. Any other address would be a stranger's page under the name of the card origin. */
const PATH = '/3ds/';
/** @param {URL | Location} at */
const ownMachine = (at) => ['127.0.0.1', 'localhost'].includes(at.hostname) || at.hostname.endsWith('.localhost');

const query = new URL(location.href).searchParams;
const spoken = language(query.get('lang') ?? 'auto');
document.documentElement.lang = spoken;

/** The page to show. A demo has two addresses for this origin, both of this machine. @param {string} text */
function address(text) {
  if (parent === window) return null;
  try {
    const at = new URL(text);
    const ours = at.origin === location.origin || (/^https?:$/.test(at.protocol) && ownMachine(at) && ownMachine(location));
    return ours && at.username === '' && at.password === '' && at.pathname.startsWith(PATH) ? at : null;
  } catch {
    return null;
  }
}

const to = address(query.get('to') ?? '');
// Only the page that shows this frame hears of it.
const above = location.ancestorOrigins?.[0] ?? '*';
if (to) {
  const bank = /** @type {HTMLIFrameElement} */ (document.getElementById('bank'));
  bank.addEventListener('load', () => parent.postMessage({ florin: 'challenge-moved' }, above));
  // The bank is asked for the language of the form around it.
  to.searchParams.set('lang', spoken);
  bank.src = to.href;
} else {
  const said = document.createElement('p');
  said.textContent = WORDS[spoken].nothing_here;
  document.querySelector('main')?.replaceChildren(said);
}
