/** Which objects are shown: those with a high enough score, of the classes that are ticked. */

import { sample } from "./styles.js";

const slider = document.getElementById("score");
const sliderValue = document.getElementById("score-value");
const list = document.getElementById("class-list");
const allOrNone = document.querySelector("#classes .all-none");

export class Filter {
  #hidden = new Set(); // ids of classes that are not ticked
  #rows = new Map(); // class id -> {box, count}

  /** @param {() => void} changed */
  constructor(changed) {
    this.changed = changed;
    slider.addEventListener("input", () => {
      this.#label();
      changed();
    });
    document.getElementById("classes-all").addEventListener("click", () => this.#tick(true));
    document.getElementById("classes-none").addEventListener("click", () => this.#tick(false));
  }

  get minScore() {
    return Number(slider.value);
  }

  /** Start the slider at a score; nothing lies below the lowest one. */
  startAt(score, lowest) {
    slider.min = Math.floor(100 * Math.min(score, lowest)) / 100;
    slider.value = score;
    this.#label();
  }

  /** Offer the classes that occur, each with the number of its objects above the score. */
  setClasses(objects, classNames) {
    const ids = [...new Set(objects.map((each) => each.class_id))].sort((a, b) => a - b);
    if (ids.join() !== [...this.#rows.keys()].join()) {
      this.#rows.clear();
      list.replaceChildren(...ids.map((id) => this.#row(id, classNames[id] ?? `class ${id}`)));
    }
    allOrNone.hidden = ids.length < 3;
    for (const [id, { count }] of this.#rows) {
      const above = objects.filter((each) => each.class_id === id && each.score >= this.minScore);
      count.textContent = above.length.toLocaleString("en");
    }
  }

  shown(objects) {
    return objects.filter(
      ({ score, class_id }) => score >= this.minScore && !this.#hidden.has(class_id),
    );
  }

  /** The same choice as parameters of `/detect`, for the objects of an image. */
  parameters(objects, classNames) {
    const ids = [...new Set(objects.map((each) => each.class_id))];
    const ticked = ids.filter((id) => !this.#hidden.has(id));
    const parameters = { min_score: String(this.minScore) };
    if (ticked.length < ids.length) parameters.classes = ticked.map((id) => classNames[id]).join();
    return parameters;
  }

  #row(id, name) {
    const row = document.createElement("li");
    const label = document.createElement("label");
    const box = Object.assign(document.createElement("input"), {
      type: "checkbox",
      checked: !this.#hidden.has(id),
      name,
    });
    box.addEventListener("change", () => {
      this.#hide(id, !box.checked);
      this.changed();
    });
    const text = Object.assign(document.createElement("span"), { className: "name", textContent: name });
    const count = Object.assign(document.createElement("span"), { className: "number" });
    label.append(box, sample(id), text, count);
    row.append(label);
    this.#rows.set(id, { box, count });
    return row;
  }

  #tick(on) {
    for (const [id, { box }] of this.#rows) {
      box.checked = on;
      this.#hide(id, !on);
    }
    this.changed();
  }

  #hide(id, hidden) {
    if (hidden) this.#hidden.add(id);
    else this.#hidden.delete(id);
  }

  #label() {
    sliderValue.textContent = this.minScore.toFixed(2);
  }
}
