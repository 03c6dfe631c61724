/** The stage: an image with the outlines of its objects. */

import { listen, zoomStep } from "./gestures.js";
import { drawNumbers, drawOutlines, drawSelected, objectAt } from "./outlines.js";
import { View } from "./view.js";

export class Viewer {
  view = new View();
  #picture = null;
  #objects = [];
  #selected = null;
  #layers = { outlines: true, numbers: false };
  #due = false;

  /**
   * @param {HTMLCanvasElement} canvas fills its parent.
   * @param {{selected: (object: ?Object) => void, zoomed: (scale: number) => void}} on
   */
  constructor(canvas, on) {
    this.canvas = canvas;
    this.on = on;
    listen(canvas, this.view, {
      moved: () => this.draw(),
      clicked: (point) => on.selected(this.#at(point)),
      escaped: () => on.selected(null),
    });
    new ResizeObserver(() => {
      this.view.setStage(canvas.parentElement.clientWidth, canvas.parentElement.clientHeight);
      this.draw();
    }).observe(canvas.parentElement);
  }

  /**
   * Show a picture of an image.
   * @param {?import("./picture.js").Picture} picture
   * @param {{width: number, height: number}} size of the image, whose pixels the outlines count.
   */
  setPicture(picture, size) {
    this.#picture = picture;
    if (picture) this.view.setImage(size.width, size.height);
    this.draw();
  }

  /** Show outlines: all objects that pass the filter, and the selected one or null. */
  setObjects(objects, selected) {
    this.#objects = objects;
    this.#selected = selected;
    this.draw();
  }

  /** Show or hide "outlines" or "numbers". */
  setLayer(name, on) {
    this.#layers[name] = on;
    this.draw();
  }

  zoom(direction) {
    zoomStep(this.view, direction);
    this.draw();
  }

  fit() {
    this.view.fit();
    this.draw();
  }

  reveal(object) {
    this.view.reveal(object.bounds);
    this.draw();
  }

  /** Draw before the next frame, once for all changes until then. */
  draw() {
    if (this.#due) return;
    this.#due = true;
    requestAnimationFrame(() => {
      this.#due = false;
      this.#draw();
    });
  }

  #draw() {
    const { canvas, view } = this;
    const { width, height } = view.stage;
    const ratio = devicePixelRatio;
    const [across, down] = [Math.round(width * ratio), Math.round(height * ratio)];
    if (canvas.width !== across || canvas.height !== down) {
      canvas.width = across;
      canvas.height = down;
    }
    const context = canvas.getContext("2d");
    context.setTransform(ratio, 0, 0, ratio, 0, 0);
    context.clearRect(0, 0, width, height);
    this.#picture?.draw(context, view);
    const objects = this.#layers.outlines ? this.#objects : [];
    const drawn = drawOutlines(context, view, objects);
    if (this.#selected) drawSelected(context, view, this.#selected);
    if (this.#layers.numbers) drawNumbers(context, view, this.#objects);
    // At rest, a finger that moves up or down scrolls the page.
    canvas.style.touchAction = view.isFitted ? "pan-y" : "none";
    canvas.dataset.outlines = drawn;
    canvas.dataset.view = [view.scale, view.x, view.y].join(" ");
    this.on.zoomed(view.scale);
  }

  #at(point) {
    return objectAt(this.#objects, this.view, this.view.toImage(point));
  }
}
