// @ts-check
// One frame of the card origin, and the only way to talk with it: one greeting to that origin alone, then a port of its own.

/** What a frame may tell. */
const EVENTS = new Set(['ready', 'focus', 'blur', 'escape', 'change', 'resize', 'confirm', 'loaderror']);
const CALL_MS = 60_000;
const LOAD_MS = 20_000;
/** A page that was loaded and is ours greets back at once; an error page of the browser never does. */
const GREET_MS = 10_000;
const NOT_LOADED = failure('api_connection_error', 'frame_not_loaded', 'The payment form could not be loaded. Check the connection and try again.');
const NO_ANSWER = failure('api_connection_error', 'no_answer', 'No answer came in time. Look at the state of the payment before you try again.');

class Frame {
  /**
   * @param {string} page
   * @param {string} pk
   * @param {Bag} init
   * @param {(event: string, data: any) => void} heard
   */
  constructor(page, pk, init, heard) {
    /** @type {Map<number, (answer: any) => void>} */
    this.waiting = new Map();
    this.next = 0;
    this.greeted = false;
    this.gone = false;
    this.heard = heard;
    this.init = init;
    this.node = document.createElement('iframe');
    this.node.src = `${ORIGIN}/frames/${page}?key=${encodeURIComponent(pk)}`;
    this.node.setAttribute('allow', 'payment *');
    this.node.setAttribute('referrerpolicy', 'strict-origin');
    /** @type {MessagePort | null} */
    this.port = null;
    /** @type {any[]} */
    this.queue = [];
    this.node.addEventListener('load', () => this.greet());
    this.late = setTimeout(() => this.lost(), LOAD_MS);
  }

  /** A frame that loads anew (it was moved in the page) is greeted anew, on a fresh port. */
  greet() {
    const { port1, port2 } = new MessageChannel();
    this.port?.close();
    this.port = port1;
    this.greeted = false;
    port1.onmessage = (message) => this.take(message.data);
    this.node.contentWindow?.postMessage({ florin: 'init', ...this.init }, ORIGIN, [port2]);
    clearTimeout(this.late);
    this.late = setTimeout(() => this.lost(), GREET_MS);
  }

  /** @param {string} message */
  lost(message = `The payment form could not be loaded from ${ORIGIN}.`) {
    clearTimeout(this.late);
    this.gone = true;
    this.heard('loaderror', { message });
    this.giveUp();
  }

  /** Ends all calls. What has not left never will: a payment that was told as failed is not made by a frame that comes late. */
  giveUp() {
    for (const [id, answer] of [...this.waiting]) answer(this.withdraw(id) ? NOT_LOADED : NO_ANSWER);
    this.waiting.clear();
  }

  /** Takes a call back, if it still waits for the frame. @param {number} id */
  withdraw(id) {
    const before = this.queue.length;
    this.queue = this.queue.filter((message) => message.id !== id);
    return this.queue.length < before;
  }

  /** @param {any} data */
  take(data) {
    if (typeof data !== 'object' || data === null) return;
    if (data.event === 'greeted') {
      clearTimeout(this.late);
      [this.greeted, this.gone] = [true, false];
      for (const message of this.queue.splice(0)) this.port?.postMessage(message);
    } else if (data.event === 'loaderror') {
      // A page that says why there is no form: a key or a domain that is not known.
      this.lost(String(data.data?.message ?? ''));
    } else if (typeof data.event === 'string' && EVENTS.has(data.event)) {
      this.heard(data.event, data.data);
    } else if (typeof data.id === 'number') {
      this.waiting.get(data.id)?.(data.answer);
      this.waiting.delete(data.id);
    }
  }

  /** @param {string} op @param {Bag} [args] @returns {Promise<any>} */
  async call(op, args = {}) {
    if (this.gone) return NOT_LOADED;
    const id = (this.next += 1);
    return new Promise((resolve) => {
      const limit = setTimeout(() => {
        this.waiting.delete(id);
        resolve(this.withdraw(id) ? NOT_LOADED : NO_ANSWER);
      }, CALL_MS);
      this.waiting.set(id, (answer) => {
        clearTimeout(limit);
        resolve(answer);
      });
      this.tell({ id, op, args });
    });
  }

  /** @param {any} message */
  tell(message) {
    if (this.greeted) this.port?.postMessage(message);
    else this.queue.push(message);
  }

  remove() {
    clearTimeout(this.late);
    this.giveUp();
    this.port?.close();
    this.node.remove();
  }
}
