/** How the outlines of a class look: a colour, and a dash so that colour is not all that differs. */

// Bright, because outlines are drawn on a dark edge that sets them off from any image.
const COLOURS = [
  "#ffd84d", "#3fe0ff", "#ff7ae5", "#8cff66", "#ffa24d", "#c3b1ff", "#ff8a80", "#ffffff",
];
const DASHES = [[], [8, 3.5], [3.5, 2.5], [10, 3, 3, 3], [5, 5]];
export const EDGE = "rgba(8, 12, 20, 0.85)";

/**
 * @param {number} classId from 1.
 * @returns {{colour: string, dash: number[]}}
 */
export function styleOf(classId) {
  const i = Math.max(0, classId - 1);
  // The first eight classes differ in colour, and neighbours also in dash.
  const turn = Math.floor(i / COLOURS.length);
  return { colour: COLOURS[i % COLOURS.length], dash: DASHES[(i + turn) % DASHES.length] };
}

/** A sample of a class's outline, as it looks in the image. */
export function sample(classId) {
  const { colour, dash } = styleOf(classId);
  return svg("svg", { class: "sample", viewBox: "0 0 34 16", "aria-hidden": "true" }, [
    svg("rect", { width: 34, height: 16, rx: 3, fill: "#10161f" }),
    svg("line", {
      x1: 4, y1: 8, x2: 30, y2: 8, stroke: colour, "stroke-width": 2.5,
      "stroke-dasharray": dash.join(" ") || "none",
    }),
  ]);
}

/** An element of SVG with attributes and children. */
export function svg(name, attributes = {}, children = []) {
  const element = document.createElementNS("http://www.w3.org/2000/svg", name);
  for (const [key, value] of Object.entries(attributes)) element.setAttribute(key, value);
  element.append(...children);
  return element;
}
