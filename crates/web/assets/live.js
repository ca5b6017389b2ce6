// Looks whether the page has something new, and loads it anew; what the reader opened stays open. Without scripts the page refreshes itself.
const FIRST_PAUSE_MS = 1000;
const LONGEST_PAUSE_MS = 8000;
const OPENED = "florin-opened:" + location.pathname;

function opened() {
  try {
    return JSON.parse(sessionStorage.getItem(OPENED) ?? "[]");
  } catch {
    return [];
  }
}

function remember() {
  const ids = [...document.querySelectorAll("details[id][open]")].map((one) => one.id);
  try {
    sessionStorage.setItem(OPENED, JSON.stringify(ids));
  } catch {
    // A browser that keeps nothing shows everything shut.
  }
}

for (const id of opened()) {
  const one = document.getElementById(id);
  if (one instanceof HTMLDetailsElement) one.open = true;
}
addEventListener("toggle", remember, true);

// Everything is shown on paper.
addEventListener("beforeprint", () => {
  for (const one of document.querySelectorAll("details")) one.open = true;
});

const shown = document.querySelector("main")?.dataset.live;

async function look(pause) {
  await new Promise((done) => setTimeout(done, pause));
  if (document.hidden) return look(pause);
  try {
    const answer = await fetch(location.pathname.replace(/\/$/, "") + "/state" + location.search, { cache: "no-store" });
    const state = await answer.json();
    if (state.version && (state.version !== shown || !state.moving)) {
      remember();
      return location.reload();
    }
    if (!state.moving) return;
  } catch {
    // The connection is gone for a moment, or for good: ask less and less.
  }
  return look(Math.min(pause * 1.3, LONGEST_PAUSE_MS));
}

if (shown) look(FIRST_PAUSE_MS);
