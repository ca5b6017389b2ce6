// The card form on the page of an order. Knows no card: the form is in a frame of the card origin, and gives a token.

const form = document.getElementById('pay');
const button = document.getElementById('pay-button');
const fault = document.getElementById('pay-fault');
const label = button.textContent;
const { key, amount, currency, locale, back, busy, lost, missing, country, postal } = form.dataset;

function say(message) {
  fault.textContent = message ?? '';
  fault.hidden = !message;
}

function work(on) {
  button.disabled = on;
  button.textContent = on ? busy : label;
  form.setAttribute('aria-busy', String(on));
}

/** The page's own colours, for the form in its frame. */
function look() {
  const style = getComputedStyle(document.documentElement);
  const own = (name) => style.getPropertyValue(name).trim();
  const dark = matchMedia('(prefers-color-scheme: dark)').matches;
  return {
    theme: dark ? 'night' : 'stripe',
    variables: {
      colorPrimary: own('--accent'), colorBackground: own('--surface'), colorText: own('--ink'), colorDanger: own('--bad'),
      colorTextSecondary: own('--ink-soft'), borderRadius: '6px', spacingUnit: '4px',
    },
  };
}

/** Sends the token, and does what the shop answers. @param {any} florin @param {string} token */
async function pay(florin, token) {
  const answer = await fetch(form.action, { method: 'POST', body: new URLSearchParams({ confirmation_token: token }) });
  const told = await answer.json();
  if (told.state === 'settled' || told.state === 'unknown') return location.assign(told.next);
  if (told.state !== 'act') return say(told.message);
  const acted = await florin.handleNextAction({ clientSecret: told.client_secret });
  if (acted.error?.type === 'invalid_request_error' && acted.error.code === 'feature_not_supported') say(acted.error.message);
  else location.assign(told.next);
}

async function start() {
  if (!window.Florin) return say(missing);
  const florin = window.Florin(key, { locale });
  const elements = florin.elements({ mode: 'payment', amount: Number(amount), currency, locale, appearance: look() });
  const address = { country, postal_code: postal };
  const card = elements.create('payment', { defaultValues: { billingDetails: { address } } });
  card.on('ready', () => work(false));
  card.on('loaderror', (event) => say(event.error?.message ?? missing));
  card.mount('#card-form');
  matchMedia('(prefers-color-scheme: dark)').addEventListener('change', () => elements.update({ appearance: look() }));
  form.addEventListener('submit', async (event) => {
    event.preventDefault();
    if (button.disabled) return;
    say();
    work(true);
    try {
      const made = await florin.createConfirmationToken({ elements, params: { return_url: back } });
      if (made.error) say(made.error.message);
      else await pay(florin, made.confirmationToken.id);
    } catch {
      say(lost);
    }
    work(false);
  });
}

if (new URL(location.href).searchParams.has('again')) say(form.dataset.again);
// A page that comes back out of the browser's memory may show what is long over.
addEventListener('pageshow', (event) => event.persisted && location.reload());
start();
