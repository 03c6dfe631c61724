/** What went wrong, one sentence each, until it is dismissed. */

const list = document.getElementById("alerts");
const MOST = 4;

/** @param {string} sentence */
export function alertUser(sentence) {
  const line = document.createElement("p");
  const text = Object.assign(document.createElement("span"), { textContent: sentence });
  const close = Object.assign(document.createElement("button"), { type: "button", textContent: "Dismiss" });
  close.addEventListener("click", () => line.remove());
  line.append(text, close);
  list.append(line);
  while (list.children.length > MOST) list.firstChild.remove();
}
