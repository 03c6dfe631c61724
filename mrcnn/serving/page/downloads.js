/** Files of the objects that are shown, in the formats of other tools. */

import { download } from "./api.js";

const list = document.getElementById("download-list");
const note = document.getElementById("downloads-note");
const status = document.getElementById("download-status");

// The page itself reads "json"; it is no format of another tool.
const OWN = "json";
const TITLES = {
  csv: "Table (CSV)",
  geojson: "GeoJSON",
  roi: "ImageJ ROIs",
  coco: "COCO",
  labelme: "LabelMe",
  labels: "Label image",
  overlay: "Overlay",
};

/**
 * Offer a button for each format.
 * @param {Object} formats of `/about`: by name, with `suffix` and `about`.
 * @param {() => {file: File, parameters: Object}} chosen what to download.
 * @param {(sentence: string) => void} failed
 */
export function offerDownloads(formats, chosen, failed) {
  const names = Object.keys(formats).filter((name) => name !== OWN);
  const order = Object.keys(TITLES);
  const rank = (name) => (order.includes(name) ? order.indexOf(name) : order.length);
  names.sort((a, b) => rank(a) - rank(b));
  list.replaceChildren(
    ...names.map((name) => {
      const item = document.createElement("li");
      item.append(button(name, formats, chosen, failed));
      return item;
    }),
  );
}

/** Let files be downloaded, or not while nothing is shown. */
export function allowDownloads(count) {
  for (const each of list.querySelectorAll("button")) each.disabled = count === 0;
  const objects = count === 1 ? "object" : `${count.toLocaleString("en")} objects`;
  note.textContent = count ? `The ${objects} shown, in one file.` : "No object is shown.";
}

/** The name of a downloaded file: the image's, with an ending that tells formats apart. */
export function fileName(image, name, formats) {
  const stem = image.replace(/\.[^.]*$/, "") || "image";
  const { suffix } = formats[name];
  const others = Object.keys(formats).filter((each) => each !== OWN && each !== name);
  const shared = others.some((each) => formats[each].suffix === suffix);
  // LabelMe looks for a file with the image's own name.
  const plain = name === "labelme" || (!shared && `${stem}${suffix}` !== image);
  return plain ? `${stem}${suffix}` : `${stem}_${name}${suffix}`;
}

function button(name, formats, chosen, failed) {
  const element = Object.assign(document.createElement("button"), { type: "button", className: "file" });
  const title = Object.assign(document.createElement("strong"), { textContent: TITLES[name] ?? name });
  const about = Object.assign(document.createElement("span"), { textContent: formats[name].about });
  element.append(title, " ", about);
  element.dataset.format = name;
  element.addEventListener("click", async () => {
    const { file, parameters } = chosen();
    const saved = fileName(file.name, name, formats);
    element.ariaBusy = "true";
    status.textContent = `Writing ${saved} …`;
    try {
      save(await download(file, { format: name, ...parameters }), saved);
      status.textContent = `${saved} is downloaded.`;
    } catch (error) {
      status.textContent = "";
      failed(`${saved}: ${error.message}`);
    } finally {
      element.ariaBusy = null;
    }
  });
  return element;
}

function save(blob, name) {
  const link = Object.assign(document.createElement("a"), { href: URL.createObjectURL(blob), download: name });
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 60_000);
}
