/** The list of images, each with its state or the number of its objects. */

const list = document.getElementById("gallery");
const THUMBNAIL = 96; // pixels

export class Gallery {
  #rows = new Map();

  /** @param {{chosen: Function, removed: Function, retried: Function}} on called with an item. */
  constructor(on) {
    this.on = on;
  }

  add(item) {
    const row = document.createElement("li");
    const open = button("open", () => this.on.chosen(item));
    const picture = Object.assign(document.createElement("canvas"), { ariaHidden: "true" });
    const name = Object.assign(document.createElement("span"), { className: "name", title: item.file.name });
    name.textContent = item.file.name;
    const state = Object.assign(document.createElement("span"), { className: "state" });
    open.append(picture, name, state);
    const retry = button("link retry", () => this.on.retried(item), "Try again");
    retry.ariaLabel = `Try ${item.file.name} again`;
    const remove = button("remove", () => this.on.removed(item), "×");
    remove.ariaLabel = remove.title = `Remove ${item.file.name}`;
    row.append(open, retry, remove);
    list.append(row);
    this.#rows.set(item, { row, open, picture, state, retry });
    this.setThumbnail(item, item.file);
  }

  remove(item) {
    this.#rows.get(item).row.remove();
    this.#rows.delete(item);
  }

  /** Write an item's state; `text` is for those that are done. */
  update(item, text, isCurrent) {
    const { row, open, state, retry } = this.#rows.get(item);
    const states = {
      waiting: "Waiting",
      sending: "Sending …",
      detecting: "Detecting …",
      busy: "Waiting for the server …",
      failed: `⚠ ${item.error.replace(`${item.file.name} `, "")}`,
    };
    state.textContent = states[item.state] ?? text;
    state.title = item.state === "failed" ? item.error : "";
    row.dataset.state = item.state;
    retry.hidden = item.state !== "failed";
    if (isCurrent) open.setAttribute("aria-current", "true");
    else open.removeAttribute("aria-current");
  }

  /** Whether the browser could show an item's picture. */
  hasThumbnail(item) {
    return this.#rows.get(item)?.picture.dataset.drawn !== undefined;
  }

  /** Draw a small picture, if the browser can show it. */
  async setThumbnail(item, blob) {
    const { picture } = this.#rows.get(item) ?? {};
    if (!picture) return;
    try {
      const small = await createImageBitmap(blob, { resizeWidth: THUMBNAIL, resizeQuality: "medium" });
      picture.width = small.width;
      picture.height = small.height;
      picture.getContext("2d").drawImage(small, 0, 0);
      small.close();
      picture.dataset.drawn = "";
    } catch {
      // It will come with the preview.
    }
  }
}

function button(className, click, text = "") {
  const element = Object.assign(document.createElement("button"), { type: "button", className });
  element.textContent = text;
  element.addEventListener("click", click);
  return element;
}
