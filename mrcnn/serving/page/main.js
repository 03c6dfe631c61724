/** The page: what is shown, and what follows from a choice of the user. */

import { alertUser } from "./alerts.js";
import { about, useTokens } from "./api.js";
import { histogram, summary } from "./chart.js";
import { allowDownloads, offerDownloads } from "./downloads.js";
import { description, figuresOf, titleOf, withUnit, written } from "./figures.js";
import { receiveFiles } from "./files.js";
import { Filter } from "./filter.js";
import { Gallery } from "./gallery.js";
import { isMisleading, pictureOf, useServers } from "./pictures.js";
import { follow } from "./progress.js";
import { Queue } from "./queue.js";
import { Table } from "./table.js";
import { ask, token } from "./token.js";
import { Viewer } from "./viewer.js";

const element = (id) => document.getElementById(id);
const main = document.querySelector("main");
const figure = element("figure");

let server = { class_names: [], formats: {}, limits: {}, min_score: 0.5 };
let current = null; // the item whose image is shown
let selected = null; // one of its objects
let picture = null;

const viewer = new Viewer(element("canvas"), {
  selected: (object) => select(object),
  zoomed: (scale) => (element("zoom").textContent = `${Math.round(100 * scale)} %`),
});
const filter = new Filter(refresh);
const table = new Table((object) => {
  select(object);
  viewer.reveal(object);
});
const gallery = new Gallery({ chosen: open, removed: remove, retried: (item) => queue.retry(item) });
const queue = new Queue(itemChanged);

function start() {
  useTokens({ token, ask });
  connectTools();
  receiveFiles(element("files"), element("drop"), addFiles);
  about().then(serverKnown, (error) => {
    element("model").textContent = "The server’s model is not known.";
    alertUser(`${error.message} Reload the page to try again.`);
  });
}

function serverKnown(answer) {
  server = answer;
  const names = server.class_names.slice(1);
  const finds = names.length <= 4 ? names.join(", ") : `${names.length} classes`;
  element("model").textContent = `The model “${server.model}” finds: ${finds}.`;
  const licence = server.licence ? ` Licence of the model: ${server.licence}` : "";
  element("about").textContent = `Mask R-CNN for Keras 3, version ${server.version}.${licence}`;
  element("limits").textContent += limitsText(server.limits);
  filter.startAt(server.min_score, server.lowest_score ?? 0);
  offerDownloads(server.formats, chosenDownload, alertUser);
  queue.start(server.limits.bytes ?? Infinity);
}

function connectTools() {
  element("zoom-in").onclick = () => viewer.zoom(1);
  element("zoom-out").onclick = () => viewer.zoom(-1);
  element("zoom-fit").onclick = () => viewer.fit();
  for (const layer of ["outlines", "numbers"]) {
    element(layer).onchange = (event) => viewer.setLayer(layer, event.target.checked);
  }
  figure.onchange = refresh;
}

function addFiles(files) {
  const added = queue.add(files);
  for (const item of added) {
    gallery.add(item);
    gallery.update(item, "", false);
  }
  if (!added.length) return;
  open(added[0]);
  queue.run();
}

/** Show an image. */
function open(item) {
  current = item;
  selected = null;
  main.classList.toggle("empty", !item);
  element("viewer-title").textContent = item?.file.name ?? "No image";
  showLoaded(null);
  follow(item);
  refresh();
  if (item) showPicture(item);
}

async function showPicture(item) {
  try {
    let next = await pictureOf(item);
    if (item.result && isMisleading(item, next)) {
      await useServers(item);
      next = await pictureOf(item);
    }
    if (item.shown) gallery.setThumbnail(item, item.shown);
    if (item !== current) return next.close();
    const size = item.result?.image ?? next;
    element("stage").style.setProperty("--shape", size.width / size.height);
    showLoaded(next, size);
    viewer.fit();
  } catch (error) {
    // If the server cannot read the image at all, the detection says so.
    if (item === current && item.state === "done") alertAbout(item, error.message);
  }
}

function showLoaded(next, size) {
  picture?.close();
  picture = next;
  viewer.setPicture(picture, size);
}

function itemChanged(item) {
  if (item.state === "failed") alertAbout(item, item.error);
  if (item === current) {
    follow(item);
    if (item.state === "done" && picture && isMisleading(item, picture)) showPicture(item);
    else if (item.state === "done" && picture) viewer.setPicture(picture, item.result.image);
  } else if (item.state === "done" && !gallery.hasThumbnail(item)) {
    useServers(item).then(() => gallery.setThumbnail(item, item.shown), () => {});
  }
  refresh();
}

function alertAbout({ file }, sentence) {
  alertUser(sentence.includes(file.name) ? sentence : `${file.name}: ${sentence}`);
}

function remove(item) {
  const index = queue.items.indexOf(item);
  queue.remove(item);
  gallery.remove(item);
  if (item === current) open(queue.items[Math.min(index, queue.items.length - 1)] ?? null);
  else refresh();
}

function select(object) {
  selected = object;
  refresh();
}

/** Draw all that follows from the image, the filter and the selected object. */
function refresh() {
  const all = current?.objects ?? [];
  const shown = filter.shown(all);
  if (!shown.includes(selected)) selected = null;
  for (const item of queue.items) {
    const objects = filter.shown(item.objects).length;
    gallery.update(item, `${counted(objects)} · ${inSeconds(item)}`, item === current);
  }
  main.classList.toggle("done", current?.state === "done");
  main.classList.toggle("found", all.length > 0);
  filter.setClasses(all, classNames());
  viewer.setObjects(shown, selected);
  element("canvas").ariaLabel = current ? `${current.file.name} with ${counted(shown.length)}` : "Image";
  showCount(all, shown);
  showDetails();
  showFigures(all, shown);
  allowDownloads(shown.length);
  announce(statusText(all, shown));
}

function showCount(all, shown) {
  element("count").textContent = shown.length.toLocaleString("en");
  element("count-unit").textContent = shown.length === 1 ? "object" : "objects";
  const lower = all.filter((each) => each.score < filter.minScore).length;
  const others = all.length - shown.length - lower;
  const below = lower ? `${written(lower)} more score lower.` : "";
  const unticked = others ? `${written(others)} more are of classes not ticked.` : "";
  const { truncated, image } = current?.result ?? {};
  const cut = truncated ? `There may be more: ${truncated} limits how many are found.` : "";
  element("count-note").textContent = [below, unticked, cut, image?.remark].filter(Boolean).join(" ");
}

function showDetails() {
  element("details-title").textContent = selected ? `Object ${selected.id}` : "No object selected";
  element("details-hint").hidden = selected !== null;
  const pairs = selected ? description(selected) : [];
  element("details").replaceChildren(
    ...pairs.flatMap(([term, text]) => [
      Object.assign(document.createElement("dt"), { textContent: term }),
      Object.assign(document.createElement("dd"), { textContent: text }),
    ]),
  );
}

/** The histogram and the table, which has the histogram's figure as a column too. */
function showFigures(all, shown) {
  const names = all.length ? Object.keys(figuresOf(all[0])) : ["area", "score"];
  if (names.join() !== [...figure.options].map((each) => each.value).join()) {
    const last = figure.value;
    figure.replaceChildren(...names.map((name) => new Option(titleOf(name), name)));
    if (names.includes(last)) figure.value = last;
  }
  const name = figure.value;
  const values = (objects) =>
    objects.map((each) => figuresOf(each)[name]).filter((each) => each !== undefined);
  const mark = selected ? (figuresOf(selected)[name] ?? null) : null;
  element("histogram").replaceChildren(histogram(name, values(all), values(shown), mark));
  const hidden = shown.length < all.length ? " Faint: objects that are not shown." : "";
  element("chart-summary").textContent = summary(name, values(shown)) + hidden;
  const classes = classNames().length > 2 ? ["class"] : [];
  table.set(shown, [...new Set([...classes, "score", "area", name])], selected);
}

function statusText(all, shown) {
  if (!current) return "No image yet.";
  const { file, state, error } = current;
  if (state === "failed") return error;
  if (state !== "done") return `${file.name}: waiting for the result.`;
  if (selected) {
    const { id, class: kind, score, area } = selected;
    return `Object ${id}: ${kind}, score ${withUnit("score", score)}, area ${withUnit("area", area)}.`;
  }
  if (!all.length) return `${file.name}: no objects found, in ${inSeconds(current)}.`;
  const shownText = shown.length < all.length ? `, ${written(shown.length)} of them shown` : "";
  return `${file.name}: ${counted(all.length)} found in ${inSeconds(current)}${shownText}.`;
}

let announcing = 0;

/** Tell screen readers, once for all movements of a slider. */
function announce(sentence) {
  clearTimeout(announcing);
  announcing = setTimeout(() => (element("status").textContent = sentence), 150);
}

function chosenDownload() {
  return { file: current.file, parameters: filter.parameters(current.objects, classNames()) };
}

function classNames() {
  return current?.result?.class_names ?? server.class_names;
}

function inSeconds({ seconds }) {
  return `${seconds.toFixed(1)}\u00a0s`; // on one line
}

function counted(count) {
  return count === 1 ? "1 object" : `${count.toLocaleString("en")} objects`;
}

function limitsText({ bytes, pixels }) {
  const sizes = [];
  if (bytes) sizes.push(`${Math.round(bytes / 2 ** 20)} MiB`);
  if (pixels) sizes.push(`${written(Math.round(pixels / 1e6))} megapixels`);
  return sizes.length ? `, up to ${sizes.join(" and ")}` : "";
}

start();
