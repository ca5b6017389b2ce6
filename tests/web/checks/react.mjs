// An unmodified React application on the official packages: one script tag before its bundle is the whole migration.
import assert from 'node:assert/strict';
import fs from 'node:fs';
import path from 'node:path';

/** The bundle, made once, served by the site. */
function built(bench) {
  if (bench.site.made.has('/app.js')) return;
  const { buildSync } = bench.require('esbuild');
  const { outputFiles, warnings } = buildSync({
    entryPoints: [path.join(import.meta.dirname, '..', 'pages', 'app.jsx')], bundle: true, write: false, format: 'iife', jsx: 'automatic',
    define: { 'process.env.NODE_ENV': '"development"' }, nodePaths: [path.join(bench.modules, 'node_modules')], target: 'es2022',
  });
  assert.deepEqual(warnings, []);
  const bundle = outputFiles[0].text;
  assert.ok(bundle.includes('https://js.stripe.com'), 'the loader was changed');
  bench.site.made.set('/app.js', bundle);
  const versions = ['react', '@stripe/react-stripe-js', '@stripe/stripe-js'].map((name) => JSON.parse(fs.readFileSync(path.join(bench.modules, 'node_modules', name, 'package.json'))).version);
  console.log(`react ${versions[0]}, react-stripe-js ${versions[1]}, stripe-js ${versions[2]}`);
}

async function app(bench, mode) {
  built(bench);
  const shopper = await bench.open(`/app?mode=${mode}&order=react-${mode}-${Math.random()}`);
  await shopper.page.locator('[data-ready="yes"]').waitFor();
  await shopper.still();
  // The loader found us: nothing of another origin was asked for.
  assert.deepEqual(shopper.heard.filter((text) => /^https?:\/\/[^/]*stripe\.com/.test(text)), []);
  return shopper;
}
const said = (shopper, text) => shopper.page.locator('#said', { hasText: text }).waitFor();
const place = { payment: '#pay', deferred: '#pay', card: '#pay' };

async function aFormPaysAndDeclines(bench) {
  for (const mode of ['payment', 'deferred', 'card']) {
    const shopper = await app(bench, mode);
    await shopper.type({ number: '4000000000000002' }, place[mode]);
    await shopper.page.getByRole('button', { name: 'Pay' }).click();
    await said(shopper, 'card_declined');
    await shopper.type({}, place[mode]);
    await shopper.page.getByRole('button', { name: 'Pay' }).click();
    await said(shopper, 'succeeded');
  }
}

async function theIssuerAsks(bench) {
  const shopper = await app(bench, 'payment');
  await shopper.type({ number: '4000002760003184' });
  await shopper.page.getByRole('button', { name: 'Pay' }).click();
  await shopper.bank().locator('button[value="complete"]').click();
  await said(shopper, 'succeeded');
}

async function threeFields(bench) {
  const shopper = await app(bench, 'split');
  await shopper.typeSplit({ number: '5555555555554444' });
  await shopper.page.getByRole('button', { name: 'Pay' }).click();
  await said(shopper, 'succeeded');
}

export const react = { aFormPaysAndDeclines, theIssuerAsks, threeFields };
