// When all is done: a card that was typed into a form is in no file of the demo's, and in no file of the browser's.
import assert from 'node:assert/strict';
import fs from 'node:fs';
import path from 'node:path';

/** A number of the canary range with its check digit (ISO/IEC 7812-1, annex B). */
function canary(digits) {
  const sum = [...digits].reverse().reduce((all, digit, at) => {
    const n = Number(digit) * (at % 2 === 0 ? 2 : 1);
    return all + (n > 9 ? n - 9 : n);
  }, 0);
  return digits + ((10 - (sum % 10)) % 10);
}

function* files(folder) {
  for (const entry of fs.readdirSync(folder, { withFileTypes: true })) {
    const at = path.join(folder, entry.name);
    if (entry.isDirectory()) yield* files(at);
    else if (entry.isFile()) yield at;
  }
}

async function noCanaryIsLeft(bench) {
  const number = canary('492912345680351');
  const shopper = await bench.open();
  for (const [type, place] of [['payment', '#pay'], ['card', '#line']]) {
    const { client_secret: clientSecret } = await bench.intent();
    await shopper.mount([[type, place]], { options: { mode: 'payment', amount: 1999, currency: 'eur' } });
    await shopper.type({ number }, place);
    const paid = shopper.run(([type, clientSecret]) => (type === 'card'
      ? stripe.confirmCardPayment(clientSecret, { payment_method: { card: elements.getElement('card') } })
      : stripe.confirmPayment({ elements, clientSecret, redirect: 'if_required' })), [type, clientSecret]);
    assert.deepEqual(await shopper.outcome(paid), ['succeeded', null]);
  }
  const forms = [Buffer.from(number), Buffer.from(number, 'utf16le'), Buffer.from(number, 'hex'), Buffer.from(number.match(/..../g).join(' '))];
  const seen = { files: 0, bytes: 0 };
  for (const file of files(bench.folder)) {
    // A file may be gone between its name and its bytes.
    const bytes = fs.existsSync(file) ? fs.readFileSync(file) : Buffer.alloc(0);
    seen.files += 1;
    seen.bytes += bytes.length;
    for (const form of forms) assert.equal(bytes.includes(form), false, file);
  }
  // The search can find something: the demo's databases and logs, and the browser's own profile.
  assert.ok([...files(bench.folder)].some((file) => file.includes('dev_profile')), 'the profile is not in the folder');
  assert.ok(seen.files > 10 && seen.bytes > 100_000, JSON.stringify(seen));
}

export const afterwards = { noCanaryIsLeft };
