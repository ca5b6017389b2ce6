// A merchant's own code, as the documentation shows it. `order` names the shop's order: a reload asks for the same one.
const asked = new URLSearchParams(location.search);
const pk = document.querySelector('meta[name="pk"]').content;
const { id, client_secret: clientSecret } = await (await fetch(`/intent?order=${asked.get('order') ?? crypto.randomUUID()}`)).json();
const said = document.getElementById('said');
const status = document.getElementById('status');
const kind = asked.get('kind') ?? 'payment';
const dark = asked.get('theme') === 'night';
document.documentElement.dataset.theme = dark ? 'night' : 'day';

const stripe = Florin(pk, { locale: asked.get('lang') ?? 'auto' });
const elements = stripe.elements(kind === 'card' ? { appearance: { theme: dark ? 'night' : 'stripe' } } : { clientSecret, appearance: { theme: dark ? 'night' : 'stripe' } });
const element = elements.create(kind, kind === 'payment' ? { defaultValues: { billingDetails: { address: { country: asked.get('country') ?? 'US' } } } } : {});
element.on('ready', () => document.body.dataset.ready = id);
element.mount('#pay');
window.results = [];

async function pay() {
  said.textContent = '';
  const result = kind === 'card'
    ? await stripe.confirmCardPayment(clientSecret, { payment_method: { card: element } })
    : await stripe.confirmPayment({ elements, redirect: 'if_required', confirmParams: { return_url: location.href } });
  window.results.push(result.error ? result.error.code : result.paymentIntent.status);
  if (result.error && (kind === 'card' || result.error.type !== 'validation_error')) said.textContent = result.error.message;
  else if (!result.error) status.textContent = `Paid: ${result.paymentIntent.status}`;
}
document.getElementById('form').addEventListener('submit', (event) => {
  event.preventDefault();
  pay();
});

// After a reload the intent, not the page, knows what happened.
const { paymentIntent } = await stripe.retrievePaymentIntent(clientSecret);
if (paymentIntent?.status === 'succeeded') status.textContent = 'Paid: succeeded';
