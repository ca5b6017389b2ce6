// A merchant's site: pages with a strict policy of their own, and a server that makes intents with the secret key.
import fs from 'node:fs';
import http from 'node:http';
import path from 'node:path';

const PAGES = path.join(import.meta.dirname, 'pages');
const TYPES = { '.js': 'text/javascript; charset=utf-8', '.css': 'text/css; charset=utf-8', '.html': 'text/html; charset=utf-8' };

/** Serves it on a free port of the loopback address; its host is no host of Florin's. */
export async function site(bench) {
  const made = new Map();
  const server = http.createServer(async (request, response) => {
    try {
      await answer(bench, made, request, response);
    } catch (error) {
      response.writeHead(500).end(String(error));
    }
  });
  await new Promise((resolve) => server.listen(0, '127.0.0.1', resolve));
  const url = `http://127.0.0.1:${server.address().port}`;
  return { url, made, close: () => server.close() };
}

async function answer(bench, made, request, response) {
  const url = new URL(request.url, 'http://site');
  if (url.pathname === '/intent') {
    // The shop's one order: asked for again, it is the same intent.
    const order = url.searchParams.get('order');
    if (!made.has(order)) made.set(order, await bench.intent());
    const { id, client_secret } = made.get(order);
    response.writeHead(200, { 'content-type': 'application/json' }).end(JSON.stringify({ id, client_secret }));
    return;
  }
  if (made.has(url.pathname)) {
    response.writeHead(200, { 'content-type': TYPES['.js'] }).end(made.get(url.pathname));
    return;
  }
  const name = path.basename(url.pathname);
  const file = path.join(PAGES, path.extname(name) ? name : `${name}.html`);
  if (!fs.existsSync(file)) {
    response.writeHead(name === 'favicon.ico' ? 204 : 404).end();
    return;
  }
  const card = url.searchParams.has('http') ? bench.httpCard : bench.card;
  const headers = { 'content-type': TYPES[path.extname(file)], 'cache-control': 'no-store' };
  let body = fs.readFileSync(file, 'utf8');
  if (file.endsWith('.html')) {
    // All that a merchant has to allow: our script and our frames.
    headers['content-security-policy'] = `default-src 'none'; script-src 'self' ${card}; frame-src ${card}; style-src 'self'; connect-src 'self'; img-src 'self'; base-uri 'none'; form-action 'self'; require-trusted-types-for 'script'`;
    body = body.replaceAll('{{card}}', card).replaceAll('{{pk}}', bench.ready.publishable_key).replaceAll('{{place}}', url.searchParams.get('kind') === 'card' ? 'box' : 'plain').replaceAll('{{lang}}', (url.searchParams.get('lang') ?? 'en').replace(/[^a-zA-Z-]/g, ''));
  }
  response.writeHead(200, headers).end(body);
}
