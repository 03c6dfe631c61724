/** A histogram as a small drawing. */

import { svg } from "./styles.js";
import { titleOf, unitOf, withUnit, written } from "./figures.js";

const WIDTH = 300;
const HEIGHT = 132;
const LEFT = 30;
const RIGHT = 8;
const TOP = 8;
const BOTTOM = 22;

/**
 * Draw how a figure is distributed. The axes span all objects, so that they keep still while objects
 * are filtered; those that are hidden are pale.
 * @param {string} name of the figure.
 * @param {number[]} all values of all objects.
 * @param {number[]} shown values of the objects that are shown.
 * @param {?number} selected the value of the selected object.
 * @returns {SVGElement}
 */
export function histogram(name, all, shown, selected) {
  const [low, high] = range(all);
  const bins = Math.min(24, Math.max(6, Math.ceil(2 * Math.cbrt(all.length))));
  const binOf = (value) => Math.min(bins - 1, Math.floor((bins * (value - low)) / (high - low)));
  const totals = counts(all, bins, binOf);
  const inView = counts(shown, bins, binOf);
  const most = Math.max(1, ...totals);

  const across = (part) => LEFT + part * (WIDTH - LEFT - RIGHT);
  const up = (count) => HEIGHT - BOTTOM - (count / most) * (HEIGHT - TOP - BOTTOM);
  const bar = (kind, i, count) =>
    svg("rect", {
      class: kind, x: across(i / bins) + 0.75, width: across(1 / bins) - across(0) - 1.5,
      y: up(count), height: HEIGHT - BOTTOM - up(count), "data-count": count,
    });

  const picked = selected === null ? -1 : binOf(selected);
  const marks = [];
  for (const count of ticks(0, most, 3, true)) {
    marks.push(svg("line", { class: "grid", x1: LEFT, x2: WIDTH - RIGHT, y1: up(count), y2: up(count) }));
    marks.push(text(LEFT - 5, up(count) + 3.5, "end", written(count)));
  }
  for (const value of ticks(low, high, 4)) {
    const x = across((value - low) / (high - low));
    marks.push(text(x, HEIGHT - 6, "middle", written(value)));
    marks.push(svg("line", { class: "tick", x1: x, x2: x, y1: HEIGHT - BOTTOM, y2: HEIGHT - BOTTOM + 4 }));
  }
  const bars = totals.flatMap((total, i) => [
    ...(total > inView[i] ? [bar("ghost", i, total)] : []),
    ...(inView[i] ? [bar(i === picked ? "bar picked" : "bar", i, inView[i])] : []),
  ]);
  if (picked >= 0) {
    const x = across((picked + 0.5) / bins);
    bars.push(svg("path", { class: "pointer", d: `M${x - 5} 0h10l-5 7z` }));
  }
  const label = `${titleOf(name)} of ${shown.length} objects. ${summary(name, shown)}`;
  const box = `0 0 ${WIDTH} ${HEIGHT}`;
  return svg("svg", { viewBox: box, role: "img", "aria-label": label }, [...marks, ...bars]);
}

/** The distribution in a sentence. */
export function summary(name, values) {
  if (!values.length) return "No objects.";
  const sorted = [...values].sort((a, b) => a - b);
  const half = sorted.length >> 1;
  const median = sorted.length % 2 ? sorted[half] : (sorted[half - 1] + sorted[half]) / 2;
  const unit = unitOf(name) && ` ${unitOf(name)}`;
  const mean = sorted.reduce((sum, value) => sum + value, 0) / sorted.length;
  const ends = `${written(sorted[0])} to ${written(sorted.at(-1))}${unit}`;
  return `Median ${withUnit(name, median)}, mean ${withUnit(name, mean)}, from ${ends}.`;
}

function counts(values, bins, binOf) {
  const found = new Array(bins).fill(0);
  for (const value of values) found[binOf(value)]++;
  return found;
}

function range(values) {
  const low = values.reduce((a, b) => Math.min(a, b), Infinity);
  const high = values.reduce((a, b) => Math.max(a, b), -Infinity);
  if (!(low < high)) return Number.isFinite(low) ? [low - 0.5, low + 0.5] : [0, 1];
  return [low, high];
}

/** At most about `wanted` round numbers from low to high. */
function ticks(low, high, wanted, whole = false) {
  const rough = (high - low) / wanted;
  const power = 10 ** Math.floor(Math.log10(rough));
  let step = [1, 2, 5, 10].find((each) => each * power >= rough) * power;
  if (whole) step = Math.max(1, step);
  const found = [];
  for (let i = Math.ceil(low / step - 1e-9); i * step <= high + 1e-9 * step; i++) {
    found.push(Number((i * step).toPrecision(12)));
  }
  return found;
}

function text(x, y, anchor, content) {
  return svg("text", { x, y, "text-anchor": anchor }, [content]);
}
