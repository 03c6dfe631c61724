/** Where the image lies on the stage: `screen = image * scale + offset`, in CSS pixels. */

const MAX_SCALE = 40;
const SLACK = 40; // how far the edge of a large image may come in

export class View {
  scale = 1;
  x = 0;
  y = 0;
  stage = { width: 1, height: 1 };
  image = { width: 1, height: 1 };
  #fitted = true;

  get isFitted() {
    return this.#fitted;
  }

  get fitScale() {
    const { stage, image } = this;
    return Math.min(stage.width / image.width, stage.height / image.height);
  }

  /** Change the size of the stage; a fitted image stays fitted. */
  setStage(width, height) {
    this.stage = { width: Math.max(1, width), height: Math.max(1, height) };
    this.#settle();
  }

  /** Change the size of the image, and keep the same part of it in view. */
  setImage(width, height) {
    this.scale *= this.image.width / width;
    this.image = { width, height };
    this.#settle();
  }

  fit() {
    this.#fitted = true;
    this.#settle();
  }

  /** Zoom by a factor, around a point of the stage (its centre, unless given). */
  zoom(factor, at = { x: this.stage.width / 2, y: this.stage.height / 2 }) {
    const lowest = Math.min(this.fitScale, 1);
    const highest = Math.max(this.fitScale, MAX_SCALE);
    const scale = Math.min(highest, Math.max(lowest, this.scale * factor));
    const point = this.toImage(at);
    this.scale = scale;
    this.x = at.x - point.x * scale;
    this.y = at.y - point.y * scale;
    this.#fitted = scale === this.fitScale;
    this.#settle();
  }

  pan(dx, dy) {
    this.x += dx;
    this.y += dy;
    this.#settle();
  }

  /** Bring bounds `[x1, y1, x2, y2]` of the image into view, large enough to see. */
  reveal([x1, y1, x2, y2]) {
    const { width, height } = this.stage;
    const size = Math.max(x2 - x1, y2 - y1, 1);
    const small = size * this.scale < 14;
    const [left, top] = [x1 * this.scale + this.x, y1 * this.scale + this.y];
    const [right, bottom] = [x2 * this.scale + this.x, y2 * this.scale + this.y];
    if (!small && left >= 0 && top >= 0 && right <= width && bottom <= height) return;
    if (small) {
      this.scale = Math.min(MAX_SCALE, 60 / size);
      this.#fitted = false;
    }
    this.x = width / 2 - ((x1 + x2) / 2) * this.scale;
    this.y = height / 2 - ((y1 + y2) / 2) * this.scale;
    this.#settle();
  }

  /** The point of the image below a point of the stage. */
  toImage({ x, y }) {
    return { x: (x - this.x) / this.scale, y: (y - this.y) / this.scale };
  }

  /** The part of the image in view, as `[x1, y1, x2, y2]`. */
  get visible() {
    const start = this.toImage({ x: 0, y: 0 });
    const end = this.toImage({ x: this.stage.width, y: this.stage.height });
    return [start.x, start.y, end.x, end.y];
  }

  #settle() {
    if (this.#fitted) this.scale = this.fitScale;
    this.x = within(this.x, this.stage.width, this.image.width * this.scale);
    this.y = within(this.y, this.stage.height, this.image.height * this.scale);
  }
}

/** A small image is centred; the edges of a large one stay near those of the stage. */
function within(offset, stage, image) {
  if (image <= stage) return (stage - image) / 2;
  return Math.min(SLACK, Math.max(stage - image - SLACK, offset));
}
