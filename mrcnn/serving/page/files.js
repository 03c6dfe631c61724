/** How images come in: chosen, dropped anywhere on the page, or pasted. */

/**
 * @param {HTMLInputElement} input
 * @param {HTMLElement} zone lights up while files hover over the page.
 * @param {(files: File[]) => void} take
 */
export function receiveFiles(input, zone, take) {
  input.addEventListener("change", () => {
    take([...input.files]);
    input.value = ""; // the same file may be chosen again
  });

  const light = (on) => zone.classList.toggle("over", on);
  addEventListener("dragover", (event) => {
    if (!hasFiles(event.dataTransfer)) return;
    event.preventDefault();
    light(true);
  });
  addEventListener("dragleave", (event) => {
    if (!event.relatedTarget) light(false);
  });
  addEventListener("drop", (event) => {
    if (!hasFiles(event.dataTransfer)) return;
    event.preventDefault();
    light(false);
    take([...event.dataTransfer.files]);
  });

  addEventListener("paste", (event) => {
    const files = [...(event.clipboardData?.files ?? [])];
    if (files.length) take(files);
  });
}

function hasFiles(transfer) {
  return transfer?.types.includes("Files") ?? false;
}
