// Ours against Stripe's own types: a method or a member that is missing does not compile.
import type { Stripe, StripeAddressElement, StripeCardCvcElement, StripeCardElement, StripeCardExpiryElement, StripeCardNumberElement, StripeElements, StripePaymentElement } from '@stripe/stripe-js';

declare const made: ReturnType<typeof Florin>;
declare const group: InstanceType<typeof Group>;
declare const element: InstanceType<typeof FormElement>;
declare const whole: ReturnType<typeof surface>;

export const stripe: Stripe = made;
/** Not by way of `any`: each method as it was written. */
export const methods: { [name in keyof Stripe]: unknown } = whole;
export const elements: { [name in keyof StripeElements]: unknown } = group;
export const card: { [name in keyof StripeCardElement]: unknown } = element;
export const number: { [name in keyof StripeCardNumberElement]: unknown } = element;
export const expiry: { [name in keyof StripeCardExpiryElement]: unknown } = element;
export const cvc: { [name in keyof StripeCardCvcElement]: unknown } = element;
export const payment: { [name in keyof StripePaymentElement]: unknown } = element;
export const address: { [name in keyof StripeAddressElement]: unknown } = element;
