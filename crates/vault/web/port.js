// @ts-check
// The frame's end of the line to the page that shows it: one greeting, then one port. Knows no card.

/** What may be told to the page. */
const EVENTS = new Set(['greeted', 'ready', 'focus', 'blur', 'escape', 'change', 'resize', 'confirm']);

/** @typedef {{tell(event: string, data?: any): void}} Line */

/**
 * Waits for the page's greeting. The browser has refused pages that may not show this frame (`frame-ancestors`); that the greeting
 * comes from the one that shows it is checked here.
 * @param {(init: any, line: Line) => ((op: string, args: any) => any)} begin takes the greeting, gives what answers calls
 */
export function listen(begin) {
  let greeted = false;
  addEventListener('message', (message) => {
    if (greeted || message.source !== parent || message.data?.florin !== 'init' || !message.ports[0]) return;
    const above = location.ancestorOrigins?.[0];
    if (above !== undefined && above !== message.origin) return;
    greeted = true;
    const port = message.ports[0];
    const line = {
      /** @param {string} event @param {any} [data] */
      tell(event, data) {
        if (EVENTS.has(event)) port.postMessage({ event, data });
      },
    };
    const answer = begin(message.data, line);
    port.onmessage = async ({ data }) => {
      if (typeof data?.op !== 'string') return;
      const result = await answer(data.op, data.args ?? {});
      if (typeof data.id === 'number') port.postMessage({ id: data.id, answer: result ?? {} });
    };
    line.tell('greeted');
  });
}

/**
 * The frames of one form. They find each other as windows of one origin, so that the page between them sees nothing.
 * @param {string} group
 * @returns {any[]} what each has set as `window.florin`
 */
export function siblings(group) {
  const found = [];
  for (let i = 0; i < parent.length; i += 1) {
    try {
      const florin = /** @type {any} */ (parent[i]).florin;
      if (florin?.group === group) found.push(florin);
    } catch {
      // A frame of another origin.
    }
  }
  return found;
}
