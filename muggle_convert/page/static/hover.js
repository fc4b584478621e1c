// The number under the pointer, or under a probe that the arrow keys move.

import { DIFFERENCE, described, rounded } from "./depth.js";

const POINT = matchMedia("(hover: none)").matches ? "Touch" : "Point at";

export function attachHover(state, onPlace) {
  const frame = document.getElementById("frame");
  const probe = document.getElementById("probe");
  const reading = document.getElementById("reading");

  const show = (place) => {
    state.set({ probe: place });
    const sight = state.get("sight");
    probe.hidden = !place || !sight;
    if (probe.hidden) {
      reading.textContent = sight ? `${POINT} the picture to read its depth` : "";
      return;
    }
    const said = readingAt(state, place);
    probe.style.left = `${(100 * (place.x + 0.5)) / sight.width}%`;
    probe.style.top = `${(100 * (place.y + 0.5)) / sight.height}%`;
    probe.classList.toggle("leftwards", place.x > sight.width / 2);
    probe.classList.toggle("upwards", place.y > 0.8 * sight.height);
    probe.lastElementChild.textContent = said;
    reading.textContent = `${place.x * sight.step}, ${place.y * sight.step}: ${said}`;
  };

  const placeOf = (event) => {
    const sight = state.get("sight");
    if (!sight) return null;
    const box = frame.getBoundingClientRect();
    const x = Math.floor(((event.clientX - box.left) / box.width) * sight.width);
    const y = Math.floor(((event.clientY - box.top) / box.height) * sight.height);
    return x >= 0 && y >= 0 && x < sight.width && y < sight.height ? { x, y } : null;
  };

  for (const kind of ["pointerdown", "pointermove"]) frame.addEventListener(kind, (event) => show(placeOf(event)));
  frame.addEventListener("pointerleave", ({ pointerType }) => pointerType === "mouse" && show(null)); // a finger leaves what it touched
  frame.addEventListener("click", (event) => {
    const place = placeOf(event);
    if (place) onPlace(place);
  });
  frame.addEventListener("keydown", (event) => {
    const sight = state.get("sight");
    if (!sight || event.target !== frame) return;
    const steps = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] };
    const before = state.get("probe") ?? { x: sight.width >> 1, y: sight.height >> 1 };
    if (event.key in steps) {
      const far = event.shiftKey ? Math.ceil(sight.width / 20) : 1;
      const [x, y] = steps[event.key].map((step, axis) => [before.x, before.y][axis] + step * far);
      show({ x: Math.min(sight.width - 1, Math.max(0, x)), y: Math.min(sight.height - 1, Math.max(0, y)) });
    } else if (event.key === "Enter") {
      onPlace(before);
    } else if (event.key === "Escape") {
      show(null);
    } else {
      return;
    }
    event.preventDefault();
  });
  state.follow(["sight", "fits", "left", "right"], () => show(state.get("probe")));
}

// On the left of the divider that of the left side, where it shows a model.
function readingAt(state, { x, y }) {
  const sight = state.get("sight");
  const isLeft = (x + 0.5) / sight.width < state.get("divider");
  const side = isLeft && state.get("left") !== "picture" ? state.get("left") : state.get("right");
  const place = y * sight.width + x;
  if (side === DIFFERENCE) return `${rounded(sight.layers[1].values[place] - sight.layers[0].values[place])} apart`;
  const layer = sight.layers[Number(side)];
  return described(layer, layer.values[place], state.get("fits")[Number(side)]);
}
