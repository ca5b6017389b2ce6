// Asks the browser's authenticator before a form is sent (WebAuthn level 3). Without scripts, or in a browser without passkeys, the part is not
// shown, and the other ways are there.
const forms = document.querySelectorAll("form[data-passkey]");
const able = typeof PublicKeyCredential === "function" && "parseRequestOptionsFromJSON" in PublicKeyCredential;

function say(form, text) {
  form.querySelector("[role=alert]").textContent = text ?? "";
}

async function ask(form) {
  const answer = await fetch("/passkey/" + form.dataset.passkey, { method: "POST", cache: "no-store" });
  if (answer.status === 401) {
    // What was under way is over: the page itself says so.
    location.reload();
    return new Promise(() => {});
  }
  if (!answer.ok) throw new Error(String(answer.status));
  const { publicKey, mediation } = await answer.json();
  if (form.dataset.makes === "true") {
    return navigator.credentials.create({ publicKey: PublicKeyCredential.parseCreationOptionsFromJSON(publicKey) });
  }
  const how = mediation ? { mediation } : {};
  return navigator.credentials.get({ publicKey: PublicKeyCredential.parseRequestOptionsFromJSON(publicKey), ...how });
}

async function send(form) {
  const button = form.querySelector("button");
  button.disabled = true;
  say(form);
  try {
    const credential = await ask(form);
    form.elements.credential.value = JSON.stringify(credential.toJSON());
    form.submit();
  } catch (error) {
    // Both "dismissed" and "none here" are NotAllowedError: browsers do not tell them apart.
    const name = error instanceof DOMException ? error.name : "";
    say(form, { NotAllowedError: form.dataset.dismissed, InvalidStateError: form.dataset.known }[name] ?? form.dataset.failed);
    button.disabled = false;
  }
}

for (const form of forms) {
  if (!able) {
    form.closest("[data-part=passkey]")?.classList.add("off");
    document.querySelector("[data-part=no-passkey]")?.classList.add("on");
  }
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    if (!form.querySelector("button").disabled) send(form);
  });
}

// A page that comes back from the history is ready again.
addEventListener("pageshow", (event) => {
  if (!event.persisted) return;
  for (const form of forms) form.querySelector("button").disabled = false;
});
