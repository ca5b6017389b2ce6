// @ts-check
// An issuer's page over the merchant's, in a tree of its own that no style of either reaches across. Knows no result: whoever shows it
// asks the API what became of the payment.

/** @type {Record<string, {title: string, cancel: string, wait: string, failed: string}>} */
const OVERLAY_WORDS = {
  en: {
    title: 'Confirm it’s you', cancel: 'Cancel', wait: 'Asking your bank…',
    failed: 'We could not authenticate this payment method. Choose another one and try again.',
  },
  ko: {
    title: '본인 확인', cancel: '취소', wait: '카드사에 확인하고 있습니다…',
    failed: '결제 수단을 인증하지 못했습니다. 다른 결제 수단으로 다시 시도해 주세요.',
  },
  zh: {
    title: '验证您的身份', cancel: '取消', wait: '正在联系您的银行…',
    failed: '无法验证此付款方式。请选择其他付款方式后重试。',
  },
};

/** The language of a locale such as `auto`, `ko`, `zh-HK` or `de`. @param {string} locale */
function overlayLanguage(locale) {
  const tags = locale === 'auto' ? navigator.languages : [locale];
  return tags.map((tag) => tag.toLowerCase().split('-')[0]).find((tag) => Object.hasOwn(OVERLAY_WORDS, tag)) ?? 'en';
}
const overlayWords = (/** @type {string} */ locale) => OVERLAY_WORDS[overlayLanguage(locale)];

// EMV 3DS has windows from 250 by 400 to 600 by 400 and the full screen: 500 by 600, and on a phone all of it.
const OVERLAY_STYLE = `
:host { all: initial; }
dialog { --ground: #fff; --ink: #1b2330; --soft: #565e6b; --line: #e2dfd7; --accent: #0d5c56;
  font: 400 16px/1.4 system-ui, -apple-system, "Segoe UI", Roboto, "Noto Sans", "Noto Sans CJK KR", "Noto Sans CJK SC", sans-serif;
  display: flex; flex-direction: column; box-sizing: border-box; padding: 0; border: 0; overflow: hidden; outline: 0;
  width: 500px; height: min(656px, calc(100dvh - 32px)); max-width: 100vw; max-height: 100dvh; margin: auto;
  background: var(--ground); color: var(--ink); border-radius: 14px; box-shadow: 0 24px 64px rgb(16 21 26 / 32%); }
dialog.dark { --ground: #182027; --ink: #e9e7e1; --soft: #a6aeb8; --line: #2b353e; --accent: #74cdbe; }
dialog::backdrop { background: rgb(16 21 26 / 48%); }
header { display: flex; align-items: center; gap: 10px; flex: none; min-height: 56px; box-sizing: border-box; padding: 6px 8px 6px 18px; border-bottom: 1px solid var(--line); }
h2 { flex: 1; margin: 0; font-size: 16px; font-weight: 600; }
svg { flex: none; width: 18px; height: 18px; fill: none; stroke: var(--accent); stroke-width: 1.8; stroke-linecap: round; stroke-linejoin: round; }
button { font: inherit; font-weight: 500; min-height: 44px; padding: 0 14px; border: 0; border-radius: 8px; background: transparent; color: var(--accent); cursor: pointer; }
button:hover { text-decoration: underline; text-underline-offset: 3px; }
button:focus-visible { outline: 2px solid var(--accent); outline-offset: -2px; }
.stage { position: relative; flex: 1; min-height: 0; background: #fff; }
iframe { position: absolute; inset: 0; width: 100%; height: 100%; border: 0; }
.wait { position: absolute; inset: 0; display: flex; flex-direction: column; align-items: center; justify-content: center; gap: 16px; margin: 0; background: var(--ground); color: var(--soft); }
.wait[hidden] { display: none; }
.wait i { width: 28px; height: 28px; border-radius: 50%; border: 3px solid var(--line); border-top-color: var(--accent); animation: turn 0.9s linear infinite; }
@keyframes turn { to { transform: rotate(1turn); } }
@media (max-width: 540px) { dialog { width: 100vw; height: 100dvh; border-radius: 0; } }
@media (prefers-reduced-motion: reduce) { .wait i { animation-duration: 3s; } }
`;

/** @param {string} name @param {Record<string, string>} [attributes] @param {(string | Node)[]} inner @returns {HTMLElement} */
function make(name, attributes = {}, ...inner) {
  const node = document.createElement(name);
  for (const [key, value] of Object.entries(attributes)) node.setAttribute(key, value);
  node.append(...inner);
  return node;
}

function lock() {
  const svg = document.createElementNS('http://www.w3.org/2000/svg', 'svg');
  svg.setAttribute('viewBox', '0 0 20 20');
  svg.setAttribute('aria-hidden', 'true');
  const path = document.createElementNS(svg.namespaceURI, 'path');
  path.setAttribute('d', 'M4.5 9h11v8h-11zM7 9V6.2a3 3 0 0 1 6 0V9M10 12.4v1.4');
  svg.append(path);
  return svg;
}

/**
 * @param {{url: string, pk: string, locale: string, dark: boolean}} about
 * @param {() => Promise<boolean>} settled asked whenever the issuer's page went on: is there a result?
 * @returns {Promise<boolean>} true when the customer left it
 */
function challenge({ url, pk, locale, dark }, settled) {
  const words = overlayWords(locale);
  const language = overlayLanguage(locale);
  const frame = /** @type {HTMLIFrameElement} */ (make('iframe', {
    src: `${ORIGIN}/frames/challenge?key=${encodeURIComponent(pk)}&lang=${language}&to=${encodeURIComponent(url)}`, title: words.title, referrerpolicy: 'strict-origin',
    // Issuers ask for passkeys and Secure Payment Confirmation: without this no page below may.
    allow: 'payment *; publickey-credentials-get *',
  }));
  const close = make('button', { type: 'button' }, words.cancel);
  const title = make('h2', { id: 'title' }, words.title);
  const wait = make('p', { class: 'wait', role: 'status' }, make('i', { 'aria-hidden': 'true' }), words.wait);
  const dialog = /** @type {HTMLDialogElement} */ (make(
    'dialog', { 'aria-labelledby': 'title', lang: language, tabindex: '-1', class: dark ? 'dark' : '' },
    make('header', {}, lock(), title, close), make('div', { class: 'stage' }, frame, wait),
  ));
  const host = make('div', { 'data-florin': 'challenge' });
  const root = host.attachShadow({ mode: 'open' });
  const sheet = new CSSStyleSheet();
  sheet.replaceSync(OVERLAY_STYLE);
  root.adoptedStyleSheets = [sheet];
  root.append(dialog);
  return new Promise((done) => {
    let pages = 0;
    /** @param {boolean} left */
    const end = (left) => {
      removeEventListener('message', hear);
      // Closing gives the focus back to where it was.
      dialog.close();
      host.remove();
      done(left);
    };
    // Whatever this says, it is only a reason to ask.
    const hear = async (/** @type {MessageEvent} */ message) => {
      if (message.origin !== ORIGIN || message.source !== frame.contentWindow || message.data?.florin !== 'challenge-moved') return;
      pages += 1;
      wait.hidden = pages === 1;
      const over = await settled();
      if (!host.isConnected) return;
      if (over) end(false);
      else wait.hidden = true;
    };
    addEventListener('message', hear);
    close.addEventListener('click', () => end(true));
    dialog.addEventListener('cancel', (event) => {
      event.preventDefault();
      end(true);
    });
    document.body.append(host);
    dialog.showModal();
    dialog.focus();
  });
}
