// Counts down how long a place in the cart is kept. Without it, the page says until when.

const rows = [...document.querySelectorAll('[data-until]')];
const skew = Date.now() / 1000 - Number(rows[0]?.dataset.now ?? 0);

function tick() {
  for (const row of rows) {
    const left = Math.max(0, Math.round(Number(row.dataset.until) + skew - Date.now() / 1000));
    const clock = `${Math.floor(left / 60)}:${String(left % 60).padStart(2, '0')}`;
    row.textContent = row.dataset.left.replace('0:00', clock);
    if (left === 0) return location.reload();
  }
  setTimeout(tick, 1000);
}

if (rows.length > 0) tick();
