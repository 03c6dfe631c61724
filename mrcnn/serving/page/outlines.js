/** Objects as outlines: drawn on the stage, and found below the pointer. */

import { EDGE, styleOf } from "./styles.js";

const NEAR = 10; // CSS pixels by which a finger may miss an object
const DASHED = 40; // CSS pixels: dashes of a smaller object would hide its shape
const SMALL = 20; // CSS pixels: if objects are smaller on average, all outlines are thin
const FINEST = 0.7; // CSS pixels: shorter steps of an outline cannot be seen

/**
 * The objects of an answer, with flat outlines and their bounds.
 * @param {Array<Object>} objects of `/detect?format=json`.
 */
export function withOutlines(objects) {
  return objects.map((object) => {
    const rings = object.polygons.flat().map((ring) => Float32Array.from(ring.flat()));
    return { ...object, rings, bounds: boundsOf(rings, object.box) };
  });
}

function boundsOf(rings, [top, left, bottom, right]) {
  const bounds = [left, top, right, bottom];
  for (const ring of rings) {
    for (let i = 0; i < ring.length; i += 2) {
      bounds[0] = Math.min(bounds[0], ring[i]);
      bounds[1] = Math.min(bounds[1], ring[i + 1]);
      bounds[2] = Math.max(bounds[2], ring[i]);
      bounds[3] = Math.max(bounds[3], ring[i + 1]);
    }
  }
  return bounds;
}

/**
 * Draw the outlines that are in view.
 * @returns {number} how many objects were drawn.
 */
export function drawOutlines(context, view, objects) {
  const [x1, y1, x2, y2] = view.visible;
  const seen = objects.filter(
    ({ bounds: [left, top, right, bottom] }) => right >= x1 && left <= x2 && bottom >= y1 && top <= y2,
  );
  const total = objects.reduce((sum, each) => sum + sizeOf(each, view), 0);
  const [edge, line] = total < SMALL * objects.length ? [2, 1] : [3.2, 1.6];
  context.lineJoin = "round";
  for (const object of seen) {
    const { colour, dash } = styleOf(object.class_id);
    trace(context, view, object.rings);
    stroke(context, EDGE, edge, []);
    stroke(context, colour, line, sizeOf(object, view) < DASHED ? [] : dash);
  }
  context.setLineDash([]);
  return seen.length;
}

/** The longer side of an object on the stage, in CSS pixels. */
function sizeOf({ bounds: [x1, y1, x2, y2] }, view) {
  return Math.max(x2 - x1, y2 - y1) * view.scale;
}

/** Draw the selected object: filled, and with a wide outline. */
export function drawSelected(context, view, object) {
  const { colour } = styleOf(object.class_id);
  const part = sizeOf(object, view) < SMALL ? 0.65 : 1;
  trace(context, view, object.rings);
  context.fillStyle = "rgba(255, 255, 255, 0.28)";
  context.fill("evenodd");
  stroke(context, EDGE, 7 * part, []);
  stroke(context, "#ffffff", 4.5 * part, []);
  stroke(context, colour, 2 * part, []);
}

/** Write the objects' numbers at their centroids. */
export function drawNumbers(context, view, objects) {
  context.font = "600 12px system-ui, sans-serif";
  context.textAlign = "center";
  context.textBaseline = "middle";
  context.lineJoin = "round";
  for (const { id, centroid: [y, x], bounds } of objects) {
    if ((bounds[2] - bounds[0]) * view.scale < 2 + 8 * String(id).length) continue; // no room
    const [left, top] = [(x + 0.5) * view.scale + view.x, (y + 0.5) * view.scale + view.y];
    if (left < 0 || top < 0 || left > view.stage.width || top > view.stage.height) continue;
    context.strokeStyle = EDGE;
    context.lineWidth = 3;
    context.strokeText(id, left, top);
    context.fillStyle = "#ffffff";
    context.fillText(id, left, top);
  }
}

/**
 * The object at a point of the image; of several, the smallest.
 * @returns the object, or null.
 */
export function objectAt(objects, view, point) {
  const reach = NEAR / view.scale;
  const near = objects.filter(({ bounds }) => distance(bounds, point) <= reach);
  const inside = near.filter((object) => contains(object.rings, point));
  const candidates = inside.length ? inside : near;
  const size = ({ bounds: [x1, y1, x2, y2] }) => (x2 - x1) * (y2 - y1);
  const order = inside.length ? size : ({ bounds }) => distance(bounds, point);
  return candidates.reduce((best, each) => (!best || order(each) < order(best) ? each : best), null);
}

function distance([x1, y1, x2, y2], { x, y }) {
  return Math.max(x1 - x, x - x2, y1 - y, y - y2, 0);
}

/** Whether a point lies inside rings, by the even-odd rule: holes are outside. */
function contains(rings, { x, y }) {
  let inside = false;
  for (const ring of rings) {
    let [lastX, lastY] = ring.slice(-2);
    for (let i = 0; i < ring.length; i += 2) {
      const [nextX, nextY] = [ring[i], ring[i + 1]];
      const crosses = nextY > y !== lastY > y;
      if (crosses && x < nextX + ((lastX - nextX) * (y - nextY)) / (lastY - nextY)) inside = !inside;
      [lastX, lastY] = [nextX, nextY];
    }
  }
  return inside;
}

/** Make rings the current path, without the steps that are too short to be seen. */
function trace(context, { scale, x: offsetX, y: offsetY }, rings) {
  const finest = FINEST / scale;
  context.beginPath();
  for (const ring of rings) {
    let [x, y] = ring;
    context.moveTo(x * scale + offsetX, y * scale + offsetY);
    for (let i = 2; i < ring.length; i += 2) {
      if (Math.abs(ring[i] - x) + Math.abs(ring[i + 1] - y) < finest) continue;
      x = ring[i];
      y = ring[i + 1];
      context.lineTo(x * scale + offsetX, y * scale + offsetY);
    }
    context.closePath();
  }
}

function stroke(context, colour, width, dash) {
  context.strokeStyle = colour;
  context.lineWidth = width;
  context.setLineDash(dash);
  context.stroke();
}
