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
  const told = document.getElementById(input.id + "-count");
  const least = Number(input.dataset.least);
  input.addEventListener("input", () => {
    // Characters as people count them, not as memory does.
    const left = least - [...input.value].length;
    told.textContent = input.value === "" ? "" : left > 0 ? input.dataset.more.replace("#", left) : input.dataset.enough;
    told.classList.toggle("good", left <= 0);
  });
}

for (const button of document.querySelectorAll("button[data-shows]")) {
  const input = document.getElementById(button.dataset.shows);
  button.addEventListener("click", () => {
    const shown = input.type === "password";
    input.type = shown ? "text" : "password";
    button.setAttribute("aria-pressed", String(shown));
  });
}

for (const button of document.querySelectorAll("button[data-copy]")) {
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
  button.addEventListener("click", () => print());
}
