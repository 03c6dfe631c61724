/** The figures of an object: their names, units and how they are written. */

const LABELS = {
  score: "Score",
  area: "Area",
  perimeter: "Perimeter",
  major_axis: "Major axis",
  minor_axis: "Minor axis",
  eccentricity: "Eccentricity",
  orientation: "Orientation",
  solidity: "Solidity",
};
const UNITS = { area: "px²", perimeter: "px", major_axis: "px", minor_axis: "px", orientation: "rad" };
const PHYSICAL = /^(area|perimeter|major_axis|minor_axis)_(.+?)2?$/; // "area_um2"
const INTENSITY = /^intensity_(mean|min|max)_(.+)$/; // of a channel
const STATISTICS = { mean: "Mean", min: "Minimum", max: "Maximum" };

/** All numbers of an object by name, the most useful ones first. */
export function figuresOf(object) {
  const figures = { area: object.area, score: object.score, ...object.figures };
  const known = Object.entries(figures).filter(([, value]) => typeof value === "number");
  return Object.fromEntries(known);
}

/** The name of a figure, such as "Major axis" for `major_axis`. */
export function labelOf(name) {
  if (LABELS[name]) return LABELS[name];
  const [, statistic, channel] = INTENSITY.exec(name) ?? [];
  if (statistic) {
    const which = /^\d+$/.test(channel) ? `channel ${Number(channel) + 1}` : channel;
    return `${STATISTICS[statistic]} of ${which}`;
  }
  const [, measure] = PHYSICAL.exec(name) ?? [];
  if (measure) return LABELS[measure];
  const words = name.replaceAll("_", " ");
  return words[0].toUpperCase() + words.slice(1);
}

/** The unit of a figure, or "". */
export function unitOf(name) {
  const [, measure, unit] = PHYSICAL.exec(name) ?? [];
  if (!measure) return UNITS[name] ?? "";
  return unit.replace(/^u(?=m)/, "µ") + (measure === "area" ? "²" : "");
}

/** Its name and unit, such as "Area (px²)". */
export function titleOf(name) {
  const unit = unitOf(name);
  return unit ? `${labelOf(name)} (${unit})` : labelOf(name);
}

/** A number with about four digits, such as "1,203", "41.27" or "0.981". */
export function written(value) {
  const size = Math.abs(value);
  const digits = Number.isInteger(value) || size >= 1000 ? 0 : size >= 100 ? 1 : size >= 10 ? 2 : 3;
  return value.toLocaleString("en", { maximumFractionDigits: digits });
}

/** A figure as it is written: scores with three decimals, so that they align. */
export function figure(name, value) {
  return name === "score" ? value.toFixed(3) : written(value);
}

/** A figure with its unit. */
export function withUnit(name, value) {
  const unit = unitOf(name);
  return unit ? `${figure(name, value)} ${unit}` : figure(name, value);
}

/** All that there is to say about an object, as pairs of term and text. */
export function description(object) {
  const [y, x] = object.centroid;
  const [y1, x1, y2, x2] = object.box;
  const { area, score, ...others } = figuresOf(object);
  return [
    ["Class", object.class],
    ["Score", withUnit("score", score)],
    ["Area", withUnit("area", area)],
    ["Centroid", `x ${written(x)}, y ${written(y)}`],
    ["Box", `${written(x2 - x1)} × ${written(y2 - y1)} px`],
    ["Box from", `x ${written(x1)}, y ${written(y1)}`],
    ...Object.entries(others).map(([name, value]) => [labelOf(name), withUnit(name, value)]),
  ];
}
