/** Mouse, fingers, wheel and keys on the stage, as movements of the view. */

const CLICK = 6; // CSS pixels that a click may move
const STEP = 60; // CSS pixels by an arrow key
const ZOOM = 1.4; // by a key or button

/**
 * @param {HTMLCanvasElement} canvas
 * @param {import("./view.js").View} view
 * @param {{moved: () => void, clicked: (point: {x: number, y: number}) => void, escaped: () => void}} on
 */
export function listen(canvas, view, on) {
  const pointers = new Map();
  let travelled = 0;

  const place = (event) => {
    const { left, top } = canvas.getBoundingClientRect();
    return { x: event.clientX - left, y: event.clientY - top };
  };

  canvas.addEventListener("pointerdown", (event) => {
    if (event.button !== 0) return;
    canvas.setPointerCapture(event.pointerId);
    if (!pointers.size) travelled = 0;
    pointers.set(event.pointerId, place(event));
  });

  canvas.addEventListener("pointermove", (event) => {
    if (!pointers.has(event.pointerId)) return;
    const before = middle(pointers);
    const last = pointers.get(event.pointerId);
    const now = place(event);
    pointers.set(event.pointerId, now);
    const after = middle(pointers);
    travelled += Math.hypot(now.x - last.x, now.y - last.y);
    view.pan(after.x - before.x, after.y - before.y);
    if (before.spread) view.zoom(after.spread / before.spread, after);
    on.moved();
  });

  const release = (event) => {
    const single = pointers.delete(event.pointerId) && !pointers.size;
    if (single && event.type === "pointerup" && travelled < CLICK) on.clicked(place(event));
  };
  canvas.addEventListener("pointerup", release);
  canvas.addEventListener("pointercancel", release);

  canvas.addEventListener("dblclick", (event) => {
    view.zoom(2, place(event));
    on.moved();
  });

  canvas.addEventListener(
    "wheel",
    (event) => {
      event.preventDefault();
      const lines = event.deltaMode === WheelEvent.DOM_DELTA_LINE ? 20 : 1;
      const pinch = event.ctrlKey ? 6 : 1; // of a touchpad
      view.zoom(Math.exp(-event.deltaY * lines * pinch * 0.0016), place(event));
      on.moved();
    },
    { passive: false },
  );

  canvas.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    const action = keys(view, on)[event.key];
    if (!action) return;
    event.preventDefault();
    action();
    on.moved();
  });
}

/** Zoom in (+1) or out (-1) by one step. */
export function zoomStep(view, direction) {
  view.zoom(ZOOM ** direction);
}

function keys(view, on) {
  return {
    "+": () => zoomStep(view, 1),
    "=": () => zoomStep(view, 1),
    "-": () => zoomStep(view, -1),
    _: () => zoomStep(view, -1),
    0: () => view.fit(),
    ArrowLeft: () => view.pan(STEP, 0),
    ArrowRight: () => view.pan(-STEP, 0),
    ArrowUp: () => view.pan(0, STEP),
    ArrowDown: () => view.pan(0, -STEP),
    Escape: on.escaped,
  };
}

/** The middle of the pointers, and how far apart two of them are (0 for one). */
function middle(pointers) {
  const [a, b = a] = pointers.values();
  return { x: (a.x + b.x) / 2, y: (a.y + b.y) / 2, spread: Math.hypot(a.x - b.x, a.y - b.y) };
}
