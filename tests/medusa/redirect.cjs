// Preloaded: what is sent to api.stripe.com goes to the demo, over TLS with the demo's CA. The provider has no setting for that.
"use strict";
const https = require("node:https");

const { hostname, port } = new URL(process.env.FLORIN_API);
const request = https.request;
https.request = (options, ...rest) => {
  const stripe = typeof options === "object" && options.host === "api.stripe.com";
  return request.call(https, stripe ? { ...options, host: hostname, hostname, servername: hostname, port, agent: undefined } : options, ...rest);
};
