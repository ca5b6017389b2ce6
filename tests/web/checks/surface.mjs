// The whole of Stripe's interface is there, by Stripe's own types and at run time; mistakes of the page are named.
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import fs from 'node:fs';
import path from 'node:path';

const HERE = path.join(import.meta.dirname, '..');
const WEB = path.join(HERE, '..', '..', 'crates', 'vault', 'web');

/** The compiler over all of the library and the frames, and over `types/surface.ts`, which holds ours against Stripe's. */
async function types(bench) {
  const folder = path.join(bench.folder, 'types');
  fs.mkdirSync(folder);
  const modules = path.join(bench.modules, 'node_modules');
  const paths = { '/js/frames/*': [`${WEB}/*`], '@stripe/stripe-js': [`${modules}/@stripe/stripe-js/dist/index.d.ts`] };
  const shared = { allowJs: true, checkJs: true, noEmit: true, strict: true, target: 'es2023', module: 'esnext', moduleResolution: 'bundler', types: [], skipLibCheck: true, paths, lib: ['es2023', 'dom', 'dom.iterable'] };
  const projects = {
    library: { compilerOptions: shared, include: [`${WEB}/library/*.js`, `${HERE}/types/*.ts`] },
    frames: { compilerOptions: shared, include: [`${WEB}/*.js`] },
  };
  for (const [name, project] of Object.entries(projects)) {
    const file = path.join(folder, `${name}.json`);
    fs.writeFileSync(file, JSON.stringify(project));
    const ran = spawnSync(process.execPath, [path.join(modules, 'typescript', 'bin', 'tsc'), '-p', file], { encoding: 'utf8' });
    assert.equal(ran.status, 0, `${name}:\n${ran.stdout}${ran.stderr}`);
  }
}

/** The names of Stripe's methods, out of its types. */
function methods(bench) {
  const text = fs.readFileSync(path.join(bench.modules, 'node_modules/@stripe/stripe-js/dist/stripe-js/stripe.d.ts'), 'utf8');
  const body = text.slice(text.indexOf('export interface Stripe {'));
  const end = body.search(/\n\}/);
  return [...new Set([...body.slice(0, end).matchAll(/^ {2}(\w+)\(/gm)].map(([, name]) => name))];
}

const OFFERED = [
  'confirmCardPayment', 'confirmCardSetup', 'confirmPayment', 'confirmSetup', 'createConfirmationToken', 'createPaymentMethod', 'createToken',
  'elements', 'handleCardAction', 'handleNextAction', 'initCheckoutElementsSdk', 'initCheckoutFormSdk', 'paymentRequest', 'registerAppInfo',
  'retrievePaymentIntent', 'retrieveSetupIntent',
];

async function everyMethod(bench) {
  const shopper = await bench.open();
  const names = methods(bench);
  assert.equal(names.length, 73, names.join());
  await shopper.mount([]);
  const answers = await shopper.run(async ({ names, offered }) => {
    const out = {};
    for (const name of names) {
      if (typeof stripe[name] !== 'function') out[name] = typeof stripe[name];
      else if (!offered.includes(name)) out[name] = (await stripe[name]('x')).error;
    }
    return out;
  }, { names, offered: OFFERED });
  assert.deepEqual(Object.keys(answers).sort(), names.filter((name) => !OFFERED.includes(name)).sort());
  for (const [name, error] of Object.entries(answers)) {
    assert.deepEqual(error, { type: 'invalid_request_error', code: 'feature_not_supported', message: `${name} is not offered by Florin.` });
  }
  const rest = await shopper.run(async () => [
    await stripe.paymentRequest({}).canMakePayment(), (await (await stripe.initCheckoutElementsSdk({})).loadActions()).error.code, (await stripe.createToken('pii', {})).error.code, Stripe === Florin, Stripe.version,
  ]);
  assert.deepEqual(rest, [null, 'feature_not_supported', 'feature_not_supported', true, 'endive']);
}

async function mistakesAreNamed(bench) {
  const shopper = await bench.open();
  await shopper.mount([]);
  const said = await shopper.run(async () => {
    const out = [];
    for (const work of [
      () => Florin('sk_test_1'), () => Florin(''), () => Florin('pk_other'), () => stripe.elements().create('card').mount('#nowhere'),
      () => stripe.confirmCardPayment('pi_1'), () => stripe.retrieveSetupIntent('pi_1_secret_2'), () => stripe.confirmPayment({ clientSecret: 'pi_1_secret_2' }),
      () => stripe.createToken({}), () => stripe.elements().update({ clientSecret: 'x' }),
    ]) {
      try {
        await work();
        out.push(null);
      } catch (error) {
        out.push([error.name, error.message.slice(0, 24)]);
      }
    }
    return out;
  });
  assert.deepEqual(said, [
    'That is a secret key. It', 'Florin() takes the publi', 'Florin() takes the publi', 'mount() found no element', 'That is no client secret', 'That is no client secret',
    'confirmParams.return_url', 'That is no element of th', 'clientSecret cannot be c',
  ].map((text) => ['IntegrationError', text]));
  const unknown = await shopper.run(() => stripe.retrievePaymentIntent('pi_1_secret_2'));
  assert.equal(unknown.error.type, 'invalid_request_error');
}

async function aKeyOfNobody(bench) {
  const shopper = await bench.open();
  const told = await shopper.run(() => new Promise((resolve) => {
    const element = Florin('pk_test_nobody').elements().create('card');
    element.on('loaderror', ({ error }) => resolve(error));
    element.mount('#line');
  }));
  assert.deepEqual([told.code, told.message.includes('API key')], ['frame_not_loaded', true], told.message);
  // The browser's own words about a frame that was refused.
  shopper.troubles = shopper.troubles.filter((text) => !/40[13]|^Florin: |Refused to|postMessage|frame-ancestors|denied/.test(text));
  await shopper.still();
}

async function everyTrainHasItsName(bench) {
  const shopper = await bench.open();
  const versions = {};
  for (const train of ['v1', 'acacia', 'basil', 'clover', 'dahlia', 'endive']) {
    versions[train] = (await shopper.file(`/js/${train}/stripe.js`)).length;
  }
  assert.equal(new Set(Object.values(versions)).size, 1, JSON.stringify(versions));
  assert.ok(versions.v1 > 10_000);
}

export const surface = { types, everyMethod, mistakesAreNamed, aKeyOfNobody, everyTrainHasItsName };
