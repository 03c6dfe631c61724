/** The objects as a table, sorted by any column, a page at a time. */

import { figure, figuresOf, titleOf } from "./figures.js";

const PAGE = 50;
const columns = document.getElementById("columns");
const rows = document.getElementById("rows");
const scroll = rows.closest(".scroll");
const pages = document.getElementById("pages");
const pageText = document.getElementById("page-text");
const back = document.getElementById("page-back");
const on = document.getElementById("page-on");

export class Table {
  #objects = [];
  #names = [];
  #selected = null;
  #sort = { name: "id", down: false };
  #page = 0;

  /** @param {(object: Object) => void} chosen */
  constructor(chosen) {
    this.chosen = chosen;
    back.addEventListener("click", () => this.#turn(-1));
    on.addEventListener("click", () => this.#turn(1));
    rows.addEventListener("click", (event) => {
      const row = event.target.closest("tr");
      if (row) this.chosen(this.#objects[Number(row.dataset.index)]);
    });
    rows.addEventListener("keydown", (event) => this.#move(event));
  }

  /**
   * Show objects.
   * @param {Object[]} objects
   * @param {string[]} names of the columns, beside the number.
   * @param {?Object} selected
   */
  set(objects, names, selected) {
    const moved = selected !== this.#selected;
    this.#selected = selected;
    this.#names = names;
    if (!["id", ...names].includes(this.#sort.name)) this.#sort = { name: "id", down: false };
    this.#objects = this.#sorted(objects);
    if (moved) this.#toSelected();
    this.#draw();
    if (moved) this.#scrollToSelected();
  }

  #sorted(objects) {
    const { name, down } = this.#sort;
    const key = (object) => cell(object, name);
    const order = (a, b) =>
      typeof key(a) === "string" ? key(a).localeCompare(key(b)) : (key(a) ?? NaN) - (key(b) ?? NaN);
    return [...objects].sort((a, b) => (down ? order(b, a) : order(a, b)) || a.id - b.id);
  }

  #draw() {
    const last = Math.max(0, Math.ceil(this.#objects.length / PAGE) - 1);
    this.#page = Math.min(this.#page, last);
    const start = this.#page * PAGE;
    const shown = this.#objects.slice(start, start + PAGE);
    const focused = rows.contains(document.activeElement) ? document.activeElement.dataset.id : null;
    columns.replaceChildren(...["id", ...this.#names].map((name) => this.#heading(name)));
    rows.replaceChildren(...shown.map((object, i) => this.#row(object, start + i)));
    const buttons = [...rows.querySelectorAll("button")];
    const current = buttons.find((each) => each.ariaPressed === "true") ?? buttons[0];
    if (current) current.tabIndex = 0; // one stop for the Tab key; the arrow keys move on
    if (focused) (buttons.find((each) => each.dataset.id === focused) ?? current)?.focus();
    pages.hidden = last === 0;
    back.disabled = this.#page === 0;
    on.disabled = this.#page === last;
    const end = start + shown.length;
    const total = this.#objects.length.toLocaleString("en");
    pageText.textContent = `${start + 1} to ${end} of ${total}`;
  }

  #heading(name) {
    const heading = document.createElement("th");
    heading.scope = "col";
    heading.classList.toggle("text", name === "class");
    const sorted = this.#sort.name === name;
    if (sorted) heading.ariaSort = this.#sort.down ? "descending" : "ascending";
    const button = Object.assign(document.createElement("button"), { type: "button", className: "sort" });
    button.textContent = name === "id" ? "No." : name === "class" ? "Class" : titleOf(name);
    button.title = "Sort by this column";
    button.addEventListener("click", () => {
      this.#sort = { name, down: sorted ? !this.#sort.down : name !== "id" && name !== "class" };
      this.#objects = this.#sorted(this.#objects);
      this.#page = 0;
      this.#draw();
      columns.children[["id", ...this.#names].indexOf(name)].firstChild.focus();
    });
    heading.append(button);
    return heading;
  }

  #row(object, index) {
    const row = document.createElement("tr");
    row.dataset.index = index;
    const button = Object.assign(document.createElement("button"), {
      type: "button",
      tabIndex: -1,
      ariaLabel: `Object ${object.id}`,
      ariaPressed: String(object === this.#selected),
      textContent: object.id,
    });
    button.dataset.id = object.id;
    const first = document.createElement("th");
    first.scope = "row";
    first.append(button);
    row.append(first, ...this.#names.map((name) => data(name, cell(object, name))));
    row.classList.toggle("selected", object === this.#selected);
    return row;
  }

  #turn(by) {
    this.#page += by;
    this.#draw();
    scroll.scrollTop = 0;
  }

  #toSelected() {
    const index = this.#objects.indexOf(this.#selected);
    if (index >= 0) this.#page = Math.floor(index / PAGE);
  }

  // Only the table scrolls: the page stays where the user is.
  #scrollToSelected() {
    const row = rows.querySelector(".selected");
    if (!row) return;
    const room = scroll.clientHeight - row.offsetHeight;
    const above = row.offsetTop < scroll.scrollTop + 2 * row.offsetHeight;
    if (above || row.offsetTop > scroll.scrollTop + room) scroll.scrollTop = row.offsetTop - room / 2;
  }

  #move(event) {
    const buttons = [...rows.querySelectorAll("button")];
    const at = buttons.indexOf(event.target);
    const to = { ArrowDown: at + 1, ArrowUp: at - 1, Home: 0, End: buttons.length - 1 }[event.key];
    if (at < 0 || to === undefined) return;
    event.preventDefault();
    const next = buttons[Math.min(buttons.length - 1, Math.max(0, to))];
    event.target.tabIndex = -1;
    next.tabIndex = 0;
    next.focus();
  }
}

/** What a column is sorted by. */
function cell(object, name) {
  if (name === "id" || name === "class") return object[name];
  return figuresOf(object)[name];
}

function data(name, value) {
  const element = document.createElement("td");
  const isText = typeof value === "string";
  element.textContent = isText ? value : value === undefined ? "" : figure(name, value);
  element.classList.add(isText ? "text" : "number");
  return element;
}
