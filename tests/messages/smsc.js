// A message centre: takes binds of one user and writes each message that it takes as a line. `mode` makes it misbehave.
// Usage: node smsc.js MODULES PORT MODE [CERT KEY]
const fs = require("fs");
const path = require("path");
const [modules, port, mode, cert, key] = process.argv.slice(2);
const smpp = require(path.join(modules, "node_modules", "smpp"));

const options = cert ? { tls: true, cert: fs.readFileSync(cert), key: fs.readFileSync(key) } : {};
const server = smpp.createServer(options, (session) => {
  session.on("error", () => {});
  session.on("bind_transmitter", (pdu) => {
    const known = pdu.system_id === "florin" && pdu.password === "secret08";
    session.send(pdu.response({ command_status: known ? 0 : smpp.ESME_RBINDFAIL }));
    // It asks whether we are there, in the middle of it.
    if (known) session.enquire_link();
  });
  session.on("submit_sm", (pdu) => {
    if (mode === "throttle") return session.send(pdu.response({ command_status: smpp.ESME_RTHROTTLED }));
    const { source_addr: from, destination_addr: to, data_coding: coding, short_message: text } = pdu;
    console.log(JSON.stringify({ from, to, coding, text: text.message, validity: String(pdu.validity_period) }));
    // It took the message, and its answer is lost.
    if (mode === "silent") return session.socket.destroy();
    session.send(pdu.response({ message_id: "1" }));
  });
  session.on("unbind", (pdu) => session.send(pdu.response()));
  session.on("enquire_link", (pdu) => session.send(pdu.response()));
});
server.listen(Number(port), "127.0.0.1", () => console.log("ready"));
