// @ts-check
// The frame around an issuer's page: shows it, and tells the page above when it is done. Knows no card and no result: the page reads
// the payment again.

const to = new URL(location.href).searchParams.get('to') ?? '';
const bank = /** @type {HTMLIFrameElement} */ (document.getElementById('bank'));
let target = null;
try {
  target = new URL(to);
} catch {
  target = null;
}
if (target && (target.protocol === 'https:' || target.hostname === '127.0.0.1' || target.hostname === 'localhost' || target.hostname.endsWith('.localhost'))) {
  bank.title = document.title;
  bank.src = target.href;
}
addEventListener('message', (message) => {
  if (message.source === bank.contentWindow && message.data?.florin === 'challenge-done') parent.postMessage({ florin: 'challenge-done' }, '*');
});
