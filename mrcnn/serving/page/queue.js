/** The images of this visit: objects are found in one after the other. */

import { detect } from "./api.js";
import { withOutlines } from "./outlines.js";

/**
 * @typedef {Object} Item
 * @property {File} file
 * @property {"waiting"|"sending"|"detecting"|"busy"|"done"|"failed"} state
 * @property {number} since when the state began, in ms (performance.now()).
 * @property {number} part of the file that is sent, 0 to 1.
 * @property {number} wait seconds that a busy server asked for.
 * @property {number} seconds that the answer took.
 * @property {?Object} result the server's answer.
 * @property {Object[]} objects of the result, with outlines.
 * @property {string} error a sentence.
 * @property {?Blob} shown what is shown in place of the file, if the browser cannot show that.
 */

export class Queue {
  /** @type {Item[]} */
  items = [];
  #running = false;
  #maxBytes = 0; // until the server has said what it takes, items wait

  /** @param {(item: Item) => void} changed called when the state of an item changes. */
  constructor(changed) {
    this.changed = changed;
  }

  /** Begin, with the most bytes that the server takes of a file. */
  start(maxBytes) {
    this.#maxBytes = maxBytes;
    this.run();
  }

  /** Append files; `run` starts them. */
  add(files) {
    const added = files.map((file) => ({
      file, state: "waiting", since: 0, part: 0, wait: 0, seconds: 0, result: null, objects: [],
      error: "", shown: null, stop: new AbortController(),
    }));
    this.items.push(...added);
    return added;
  }

  retry(item) {
    item.stop = new AbortController();
    this.#set(item, "waiting");
    this.run();
  }

  remove(item) {
    item.stop.abort();
    this.items = this.items.filter((each) => each !== item);
  }

  /** Find objects in all images that wait; quick if this is under way. */
  async run() {
    if (this.#running || !this.#maxBytes) return;
    this.#running = true;
    for (;;) {
      const next = this.items.find((each) => each.state === "waiting");
      if (!next) break;
      await this.#detect(next);
    }
    this.#running = false;
  }

  async #detect(item) {
    const start = performance.now();
    item.part = 0;
    this.#set(item, "sending");
    try {
      if (item.file.size > this.#maxBytes) throw new Error(tooLarge(item.file.size, this.#maxBytes));
      if (item.file.size === 0) throw new Error("The file is empty.");
      item.result = await detect(item.file, {
        signal: item.stop.signal,
        onSent: (part) => {
          item.part = part;
          const state = part === 1 ? "detecting" : "sending";
          if (item.state !== state) this.#set(item, state);
        },
        onBusy: (seconds) => {
          item.wait = seconds;
          this.#set(item, "busy");
        },
      });
      item.objects = withOutlines(item.result.objects);
      item.seconds = (performance.now() - start) / 1000;
      this.#set(item, "done");
    } catch (error) {
      item.error = error.message;
      if (!item.stop.signal.aborted) this.#set(item, "failed");
      else item.state = "failed";
    }
  }

  #set(item, state) {
    item.state = state;
    item.since = performance.now();
    this.changed(item);
  }
}

function tooLarge(bytes, limit) {
  return `The file has ${sizeText(bytes)}; this server takes at most ${sizeText(limit)}.`;
}

function sizeText(bytes) {
  const [unit, size] = bytes < 2 ** 20 ? ["KiB", 2 ** 10] : ["MiB", 2 ** 20];
  return `${(bytes / size).toFixed(1).replace(/\.0$/, "")} ${unit}`;
}
