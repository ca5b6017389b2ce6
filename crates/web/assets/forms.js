// Small helps for forms that work without them: one click sends once, a new password's length is told, codes can be copied and printed.
const sent = new WeakSet();

addEventListener("submit", (event) => {
  const form = event.target;
  if (event.defaultPrevented || form.method !== "post") return;
  if (sent.has(form)) event.preventDefault();
  sent.add(form);
});
addEventListener("pageshow", (event) => {
  if (event.persisted) location.reload();
});

for (const input of document.querySelectorAll("input[data-least]")) {
  const told = document.createElement("p");
  told.className = "hint count";
  told.setAttribute("aria-live", "polite");
  input.closest(".field").append(told);
  const least = Number(input.dataset.least);
  input.addEventListener("input", () => {
    // Characters as people count them, not as memory does.
    const left = least - [...input.value].length;
    told.textContent = input.value === "" ? "" : left > 0 ? input.dataset.more.replace("#", left) : input.dataset.enough;
    told.classList.toggle("good", left <= 0);
  });
}

for (const input of document.querySelectorAll("input[type=password]")) {
  const button = document.createElement("button");
  button.type = "button";
  button.className = "button quiet show";
  button.textContent = input.dataset.show;
  button.setAttribute("aria-pressed", "false");
  button.setAttribute("aria-controls", input.id);
  button.addEventListener("click", () => {
    const shown = input.type === "password";
    input.type = shown ? "text" : "password";
    button.setAttribute("aria-pressed", String(shown));
  });
  input.closest(".field").querySelector(".label-row").append(button);
}

for (const button of document.querySelectorAll("button[data-copy]")) {
  button.hidden = false;
  button.addEventListener("click", async () => {
    const text = document.getElementById(button.dataset.copy).innerText.trim();
    try {
      await navigator.clipboard.writeText(text);
      document.getElementById("copied").textContent = button.dataset.done;
    } catch {
      getSelection().selectAllChildren(document.getElementById(button.dataset.copy));
    }
  });
}
for (const button of document.querySelectorAll("button[data-print]")) {
  button.hidden = false;
  button.addEventListener("click", () => print());
}

// A limit belongs to one role: its fields are there only with it.
const limits = document.querySelectorAll("[data-field=limit], [data-field=currency]");
const roles = document.querySelectorAll("input[name=role]");
if (limits.length > 0 && roles.length > 0) {
  const fit = () => {
    const support = [...roles].some((one) => one.checked && one.value === "support");
    for (const field of limits) field.hidden = !support;
  };
  for (const one of roles) one.addEventListener("change", fit);
  fit();
}
