// Florin's browser library in a real Chromium: each check is a page of its own, and each page is held against what must always be true.
// Usage: node web.mjs FLORIN MODULES PICTURES [CHECK…]
import fs from 'node:fs';
import { Bench } from './bench.mjs';
import { access } from './checks/access.mjs';
import { afterwards } from './checks/afterwards.mjs';
import { cards } from './checks/cards.mjs';
import { elements } from './checks/elements.mjs';
import { looks } from './checks/looks.mjs';
import { page } from './checks/page.mjs';
import { people } from './checks/people.mjs';
import { react } from './checks/react.mjs';
import { shop } from './checks/shop.mjs';
import { surface } from './checks/surface.mjs';
import { threeds } from './checks/threeds.mjs';

const LIMIT_MS = 180_000;
const ALL = { surface, elements, cards, threeds, page, access, react, looks, shop, people, afterwards };

const [florin, modules, pictures, ...only] = process.argv.slice(2);
fs.mkdirSync(pictures, { recursive: true });
const bench = await Bench.start({ florin, modules, pictures });
let [passed, failed] = [0, 0];
try {
  for (const [group, checks] of Object.entries(ALL)) {
    for (const [check, run] of Object.entries(checks)) {
      const name = `${group}::${check}`;
      if (only.length > 0 && !only.some((part) => name.includes(part))) continue;
      let timer;
      const late = new Promise((_, reject) => {
        timer = setTimeout(() => reject(new Error(`took more than ${LIMIT_MS / 1000} s`)), LIMIT_MS);
      });
      try {
        await Promise.race([run(bench), late]);
        await bench.verify();
        passed += 1;
        console.log(`test ${name} ... ok`);
      } catch (error) {
        failed += 1;
        await bench.picture(`failed-${group}-${check}`);
        console.log(`test ${name} ... FAILED`);
        console.log(String(error.stack ?? error).split('\n').slice(0, 14).join('\n'));
      } finally {
        clearTimeout(timer);
        await bench.close();
      }
    }
  }
} finally {
  await bench.stop();
}
console.log(`test result: ${failed === 0 ? 'ok' : 'FAILED'}. ${passed} passed; ${failed} failed`);
process.exit(failed === 0 && passed > 0 ? 0 : 1);
