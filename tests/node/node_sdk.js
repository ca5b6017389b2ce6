// The official Node SDK, unchanged, over TLS with the demo's CA: what merchants do, each check a test of its own.
// Usage: node node_sdk.js FLORIN RECORD (with `stripe` on NODE_PATH)
"use strict";
const { spawn } = require("node:child_process");
const fs = require("node:fs");
const os = require("node:os");
const path = require("node:path");
const readline = require("node:readline");

const LIMIT_MS = 60_000;

/** Starts a demo in a folder of its own, and this file again: Node reads a CA only when it starts. */
async function start(florin, record) {
  const folder = fs.mkdtempSync(path.join(os.tmpdir(), "florin-node-"));
  const demo = spawn(florin, ["--data", path.join(folder, "data"), "--json", "demo"], { stdio: ["ignore", "pipe", "inherit"] });
  const ended = new Promise((resolve) => demo.on("exit", resolve));
  const first = new Promise((resolve) => readline.createInterface({ input: demo.stdout }).once("line", resolve));
  const line = await Promise.race([first, ended]);
  const env = { ...process.env, NODE_EXTRA_CA_CERTS: JSON.parse(line).ca_cert, FLORIN_READY: line };
  const checks = spawn(process.execPath, [__filename, florin, record, "--checks"], { env, stdio: "inherit" });
  const code = await new Promise((resolve) => checks.on("exit", resolve));
  demo.kill("SIGTERM");
  await ended;
  fs.rmSync(folder, { recursive: true, force: true });
  process.exit(code ?? 1);
}

/** The SDK's own HTTP client, and a line per answer for tests/shapes/answers.py. */
class Recorder {
  constructor(file) {
    this.file = fs.openSync(file, "w");
    this.check = null;
  }
  write(line) {
    fs.writeSync(this.file, JSON.stringify({ check: this.check, ...line }) + "\n");
  }
  client(Stripe) {
    const http = Stripe.createNodeHttpClient();
    const ask = http.makeRequest.bind(http);
    http.makeRequest = async (host, port, path, method, headers, ...rest) => {
      const answer = await ask(host, port, path, method, headers, ...rest);
      const read = answer.toJSON.bind(answer);
      const authorization = String(headers.Authorization ?? headers.authorization ?? "");
      answer.toJSON = async () => {
        const body = await read();
        const [status, told] = [answer.getStatusCode(), answer.getHeaders()];
        this.write({ method, path, public: authorization.includes("pk_"), status, headers: told, body });
        return body;
      };
      return answer;
    };
    return http;
  }
}

async function checks(record) {
  const Stripe = require("stripe");
  const ready = JSON.parse(process.env.FLORIN_READY);
  const { hostname, port } = new URL(ready.api);
  const recorder = new Recorder(record);
  const options = { host: hostname, port, protocol: "https", maxNetworkRetries: 0, timeout: LIMIT_MS };
  const client = (key) => new Stripe(key, { ...options, httpClient: recorder.client(Stripe) });
  const world = { Stripe, ready, stripe: client(ready.secret_key), browser: client(ready.publishable_key), client, recorder };
  let [passed, failed] = [0, 0];
  for (const [name, check] of Object.entries(require("./checks.js"))) {
    recorder.check = name;
    try {
      await check(world);
      recorder.write({ passed: true });
      passed += 1;
      console.log(`test node_sdk::${name} ... ok`);
    } catch (error) {
      failed += 1;
      console.log(`test node_sdk::${name} ... FAILED\n  ${error.stack ?? error}`);
    }
  }
  console.log(`test result: ${failed ? "FAILED" : "ok"}. ${passed} passed; ${failed} failed; 0 ignored;`);
  process.exit(failed || !passed ? 1 : 0);
}

const [, , florin, record, role] = process.argv;
(role === "--checks" ? checks(record) : start(florin, record)).catch((error) => {
  console.error(error);
  process.exit(1);
});
