// A merchant's React application, written as for Stripe: nothing here knows of Florin.
import { StrictMode, useState } from 'react';
import { createRoot } from 'react-dom/client';
import { loadStripe } from '@stripe/stripe-js';
import { CardCvcElement, CardElement, CardExpiryElement, CardNumberElement, Elements, PaymentElement, useElements, useStripe } from '@stripe/react-stripe-js';

const asked = new URLSearchParams(location.search);
const mode = asked.get('mode');
const stripePromise = loadStripe(document.querySelector('meta[name="pk"]').content);
const intent = () => fetch(`/intent?order=${asked.get('order')}`).then((answer) => answer.json());

function Fields({ onReady }) {
  if (mode === 'card') return <div id="pay" className="box"><CardElement onReady={onReady} options={{ hidePostalCode: true }} /></div>;
  if (mode !== 'split') return <div id="pay" className="plain"><PaymentElement onReady={onReady} /></div>;
  return (
    <>
      <CardNumberElement id="number" className="box" />
      <CardExpiryElement id="expiry" className="box" />
      <CardCvcElement id="cvc" className="box" onReady={onReady} />
    </>
  );
}

function Checkout() {
  const stripe = useStripe();
  const elements = useElements();
  const [said, say] = useState('');
  const [ready, setReady] = useState('no');

  const confirm = async (clientSecret) => {
    if (mode === 'payment') return stripe.confirmPayment({ elements, redirect: 'if_required', confirmParams: { return_url: location.href } });
    if (mode === 'deferred') {
      const { error } = await elements.submit();
      return error ? { error } : stripe.confirmPayment({ elements, clientSecret, redirect: 'if_required', confirmParams: { return_url: location.href } });
    }
    const card = elements.getElement(mode === 'card' ? CardElement : CardNumberElement);
    return stripe.confirmCardPayment(clientSecret, { payment_method: { card, billing_details: { name: 'Ann Ex' } } });
  };
  const pay = async (event) => {
    event.preventDefault();
    say('');
    const { client_secret: clientSecret } = await intent();
    const { error, paymentIntent } = await confirm(clientSecret);
    say(error ? error.code : paymentIntent.status);
  };
  return (
    <form onSubmit={pay} data-ready={stripe && elements ? ready : 'no'}>
      <Fields onReady={() => setReady('yes')} />
      <p id="said" role="status">{said}</p>
      <button>Pay</button>
    </form>
  );
}

async function start() {
  const options = mode === 'payment' ? { clientSecret: (await intent()).client_secret } : mode === 'deferred' ? { mode: 'payment', amount: 1999, currency: 'eur' } : {};
  createRoot(document.getElementById('root')).render(
    <StrictMode>
      <main><h1>Checkout</h1><Elements stripe={stripePromise} options={options}><Checkout /></Elements></main>
    </StrictMode>,
  );
}
start();
