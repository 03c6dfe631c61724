/** The pixels that are shown: a picture, and versions of it that are halved again and again. */

const SMALL_ENOUGH = 1024;
const CRISP = 3; // from this zoom on, pixels show as squares

/**
 * Decode a picture.
 * @param {Blob} blob
 * @returns {Promise<Picture>}
 * @throws {DOMException} the browser cannot show it.
 */
export async function loadPicture(blob) {
  const levels = [await createImageBitmap(blob)];
  for (let last = levels[0]; Math.max(last.width, last.height) > SMALL_ENOUGH; last = levels.at(-1)) {
    const half = {
      resizeWidth: Math.max(1, last.width >> 1),
      resizeHeight: Math.max(1, last.height >> 1),
      resizeQuality: "high",
    };
    levels.push(await createImageBitmap(last, half));
  }
  return new Picture(levels);
}

export class Picture {
  /** @param {ImageBitmap[]} levels from the largest to the smallest. */
  constructor(levels) {
    this.levels = levels;
    this.width = levels[0].width;
    this.height = levels[0].height;
  }

  /**
   * Draw what is in view, from the smallest version that has all the detail.
   * @param {CanvasRenderingContext2D} context
   * @param {import("./view.js").View} view
   */
  draw(context, view) {
    const { image, scale } = view;
    const wanted = image.width * scale * devicePixelRatio;
    const level = this.levels.findLast((each) => each.width >= wanted) ?? this.levels[0];
    const visible = view.visible;
    const x1 = Math.max(0, Math.floor(visible[0]));
    const y1 = Math.max(0, Math.floor(visible[1]));
    const x2 = Math.min(image.width, Math.ceil(visible[2]));
    const y2 = Math.min(image.height, Math.ceil(visible[3]));
    if (x2 <= x1 || y2 <= y1) return;
    const [fx, fy] = [level.width / image.width, level.height / image.height];
    context.imageSmoothingEnabled = scale < CRISP;
    context.drawImage(
      level,
      x1 * fx, y1 * fy, (x2 - x1) * fx, (y2 - y1) * fy,
      x1 * scale + view.x, y1 * scale + view.y, (x2 - x1) * scale, (y2 - y1) * scale,
    );
  }

  /** Free the memory now instead of at the next garbage collection. */
  close() {
    for (const level of this.levels) level.close();
  }
}
