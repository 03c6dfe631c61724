/** How far the detection in an image is, above the image. */

const box = document.getElementById("progress");
const bar = document.getElementById("progress-bar");
const text = document.getElementById("progress-text");
const INTERVAL = 100; // ms

let timer = 0;

/** Follow an item (or nothing) until it is done. */
export function follow(item) {
  clearInterval(timer);
  const show = () => {
    const sentence = item && sentenceOf(item);
    box.hidden = !sentence;
    if (!sentence) return clearInterval(timer);
    text.textContent = sentence;
    if (item.state === "sending" && item.part < 1) bar.value = item.part;
    else bar.removeAttribute("value");
  };
  timer = setInterval(show, INTERVAL);
  show();
}

function sentenceOf(item) {
  const seconds = (performance.now() - item.since) / 1000;
  const left = Math.max(1, Math.ceil(item.wait - seconds));
  const sentences = {
    waiting: "Waiting for the images before",
    sending: `Sending … ${Math.round(100 * item.part)} %`,
    detecting: `Detecting … ${seconds.toFixed(1)} s`,
    busy: `The server is busy. Trying again in ${left} s`,
  };
  return sentences[item.state];
}
