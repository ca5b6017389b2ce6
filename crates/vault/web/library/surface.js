// @ts-check
// `Florin(pk)`: the whole of Stripe's interface. What is not offered is there too and says so.

/** Stripe's interface has these; a page that calls one gets an answer instead of a TypeError. */
const NOT_OFFERED = /** @type {const} */ ([
  'collectBankAccountForPayment', 'collectBankAccountForSetup', 'collectBankAccountToken', 'collectFinancialConnectionsAccounts',
  'confirmAcssDebitPayment', 'confirmAcssDebitSetup', 'confirmAffirmPayment', 'confirmAfterpayClearpayPayment', 'confirmAlipayPayment',
  'confirmAmazonPaySetup', 'confirmAuBecsDebitPayment', 'confirmAuBecsDebitSetup', 'confirmBacsDebitSetup', 'confirmBancontactPayment',
  'confirmBancontactSetup', 'confirmBilliePayment', 'confirmBlikPayment', 'confirmBlikSetup', 'confirmBoletoPayment',
  'confirmCashappPayment', 'confirmCashappSetup', 'confirmCustomerBalancePayment', 'confirmEpsPayment', 'confirmFpxPayment',
  'confirmGiropayPayment', 'confirmGrabPayPayment', 'confirmIdealPayment', 'confirmIdealSetup', 'confirmKlarnaPayment',
  'confirmKonbiniPayment', 'confirmMobilepayPayment', 'confirmMultibancoPayment', 'confirmOxxoPayment', 'confirmP24Payment',
  'confirmPayByBankPayment', 'confirmPayNowPayment', 'confirmPayPalPayment', 'confirmPayPalSetup', 'confirmPixPayment',
  'confirmPromptPayPayment', 'confirmSepaDebitPayment', 'confirmSepaDebitSetup', 'confirmSofortPayment',
  'confirmSofortSetup', 'confirmTwintPayment', 'confirmUsBankAccountPayment', 'confirmUsBankAccountSetup', 'confirmWechatPayPayment',
  'createEmbeddedCheckoutPage', 'createEphemeralKeyNonce', 'createRadarSession', 'initializePricing', 'processOrder', 'retrieveOrder',
  'verifyIdentity', 'verifyMicrodepositsForPayment', 'verifyMicrodepositsForSetup',
]);
/** @typedef {(typeof NOT_OFFERED)[number]} NotOffered */

const unsupportedLater = async (/** @type {string} */ name) => unsupported(name);

/** A request object that finds no wallet: pages then show their form alone. @returns {any} */
function noWallet() {
  const listeners = new Listeners();
  const request = {
    canMakePayment: async () => null,
    show() {},
    abort() {},
    isShowing: () => false,
    update() {},
    on: (/** @type {string} */ event, /** @type {any} */ handler) => (listeners.add(event, handler), request),
    once: (/** @type {string} */ event, /** @type {any} */ handler) => (listeners.addOnce(event, handler), request),
    off: (/** @type {string} */ event, /** @type {any} */ handler) => (listeners.drop(event, handler), request),
  };
  return request;
}

/** @param {string} name @returns {any} */
function noCheckout(name) {
  return { loadActions: async () => ({ type: 'error', ...unsupported(name) }), on() {}, changeAppearance() {}, loadFonts() {} };
}

/** @param {Client} client @param {any} first @param {any} second @param {any} third @returns {Promise<any>} */
async function createPaymentMethod(client, first, second, third) {
  if (first === 'card') return client.method({ ...(third ?? {}) }, client.from(second));
  if (typeof first === 'string') return unsupported(`createPaymentMethod('${first}')`);
  demand(typeof first === 'object' && first !== null, 'createPaymentMethod() takes the details of the payment method.');
  if (first.elements) return client.method(first, first.elements);
  if (first.card?.token) {
    const answer = await client.request('POST', '/v1/payment_methods', first);
    return answer.error ? answer : { paymentMethod: answer };
  }
  if ((first.type ?? 'card') !== 'card') return unsupported(`createPaymentMethod of type ${first.type}`);
  return client.method(first, client.from(first.element ?? first.card));
}

/** @param {Client} client @param {any} first @param {any} data @returns {Promise<any>} */
async function createToken(client, first, data = {}) {
  if (typeof first === 'string' && first !== 'cvc_update') return unsupported(`createToken('${first}')`);
  const [element, into] = first === 'cvc_update' ? [data, /** @type {Into} */ ('cvc_update')] : [first, /** @type {Into} */ ('token')];
  const group = client.from(element);
  const checked = into === 'token' ? await group.submit() : await element.validate(true);
  if (checked.error) return checked;
  const params = into === 'token' ? { card: data } : {};
  const answer = await client.request('POST', '/v1/tokens', params, { group: group.id, into });
  return answer.error ? answer : { token: answer };
}

/** @param {Client} client @param {Bag} given @returns {Promise<any>} */
async function createConfirmationToken(client, { elements, params = {} }) {
  const checked = await elements.submit();
  if (checked.error) return checked;
  const data = { ...params, payment_method_data: { type: 'card', ...(params.payment_method_data ?? {}) } };
  const answer = await client.request('POST', '/v1/confirmation_tokens', data, { group: elements.id, into: 'payment_method_data' });
  return answer.error ? answer : { confirmationToken: answer };
}

/** @param {Client} client */
function surface(client) {
  const absent = /** @type {Record<NotOffered, (...given: any[]) => Promise<any>>} */ (Object.fromEntries(NOT_OFFERED.map((name) => [name, () => unsupportedLater(name)])));
  return {
    ...absent,
    elements: (/** @type {Bag} */ options = {}) => new Group(client, options ?? {}),
    confirmPayment: (/** @type {Bag} */ given) => client.confirmForm(PAYMENT, given),
    confirmSetup: (/** @type {Bag} */ given) => client.confirmForm(SETUP, given),
    confirmCardPayment: (/** @type {string} */ secret, /** @type {Bag} */ data = {}, /** @type {Bag} */ options = {}) => client.confirmCard(PAYMENT, secret, data, options),
    confirmCardSetup: (/** @type {string} */ secret, /** @type {Bag} */ data = {}, /** @type {Bag} */ options = {}) => client.confirmCard(SETUP, secret, data, options),
    retrievePaymentIntent: (/** @type {string} */ secret) => client.read(PAYMENT, secret),
    retrieveSetupIntent: (/** @type {string} */ secret) => client.read(SETUP, secret),
    handleNextAction: (/** @type {Bag} */ { clientSecret }) => (clientSecret ? client.next(clientSecret) : unsupportedLater('handleNextAction by hashedValue')),
    handleCardAction: (/** @type {string} */ secret) => client.next(secret),
    createPaymentMethod: (/** @type {any} */ first, /** @type {any} */ second = undefined, /** @type {any} */ third = undefined) => createPaymentMethod(client, first, second, third),
    createToken: (/** @type {any} */ first, /** @type {any} */ data = undefined) => createToken(client, first, data),
    createConfirmationToken: (/** @type {Bag} */ given) => createConfirmationToken(client, given),
    paymentRequest: () => noWallet(),
    initCheckoutElementsSdk: () => noCheckout('initCheckoutElementsSdk'),
    initCheckoutFormSdk: () => noCheckout('initCheckoutFormSdk'),
    registerAppInfo() {},
    _registerWrapper() {},
  };
}

/**
 * @param {string} pk the account's publishable key
 * @param {Bag} [options] `locale`, `apiVersion`
 * @returns {Surface}
 */
function Florin(pk, options = {}) {
  const secret = typeof pk === 'string' && /^[sr]k_/.test(pk);
  demand(!secret, 'That is a secret key. It must never be in a page: use the publishable one, pk_….');
  demand(typeof pk === 'string' && /^pk_(test|live)_/.test(pk), 'Florin() takes the publishable key of your account: pk_test_… or pk_live_….');
  return surface(new Client(pk, options ?? {}));
}
Florin.version = VERSION;

const merchant = /** @type {any} */ (window);
merchant.Florin = Florin;
merchant.Stripe ??= Florin;
