/** Which picture of an image is shown: the browser's own, or else the server's. */

import { preview } from "./api.js";
import { loadPicture } from "./picture.js";

/**
 * The picture of an image.
 * @param {import("./queue.js").Item} item
 * @throws {ApiError} neither the browser nor the server can show it.
 */
export async function pictureOf(item) {
  if (!item.shown) {
    try {
      return await loadPicture(item.file);
    } catch {
      item.shown = await preview(item.file, { signal: item.stop.signal });
    }
  }
  return loadPicture(item.shown);
}

/**
 * Whether the browser's picture turned out not to be what the server read: 16 bits that the browser
 * shows as black, or an image that only one of them turns by its EXIF tag.
 */
export function isMisleading(item, picture) {
  if (item.shown) return false;
  const { width, height, dtype } = item.result.image;
  return dtype !== "uint8" || width !== picture.width || height !== picture.height;
}

/** Show the server's picture from now on. */
export async function useServers(item) {
  item.shown = await preview(item.file, { signal: item.stop.signal });
}
