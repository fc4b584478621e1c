// The picture and its depth on one another.

import { paint } from "./colours.js";
import { drawContours } from "./contours.js";
import { DIFFERENCE, quantiles } from "./depth.js";
import { fieldOf } from "./field.js";
import { oncePerFrame } from "./state.js";

const CONTOUR = 1.2; // pixels of the screen

export function attachFlat(state, maps) {
  const frame = document.getElementById("frame");
  const [left, right] = ["left", "right"].map((side) => document.getElementById(side));

  const draw = oncePerFrame(() => {
    const sight = state.get("sight");
    if (!sight) return;
    drawSide(state, maps, right, state.get("right"));
    if (state.get("left") !== "picture") drawSide(state, maps, left, state.get("left"));
    right.hidden = false;
    state.set({ painted: (state.get("painted") ?? 0) + 1 });
  });
  state.follow(["field", "far", "near", "map", "contours", "left", "right"], draw);
  state.follow(["picture", "left"], () => {
    const picture = state.get("picture");
    if (!picture) return;
    document.documentElement.style.setProperty("--ratio", picture.width / picture.height);
    if (state.get("left") !== "picture") return;
    Object.assign(left, { width: picture.width, height: picture.height });
    left.getContext("2d").drawImage(picture, 0, 0);
  });
  state.follow(["sight", "picture"], () => {
    if (!state.get("sight")) right.hidden = true; // until it is painted
    document.getElementById("divider").hidden = !state.get("sight");
    frame.classList.toggle("empty", !state.get("picture"));
    const step = state.get("sight")?.step ?? 1;
    document.getElementById("thinned").textContent = step > 1 ? `every ${step === 2 ? "second" : `${step}th`} row and column` : "";
  });
}

function drawSide(state, maps, canvas, side) {
  const { width, height } = state.get("sight");
  const isShown = side === state.get("right") && side !== DIFFERENCE;
  const { values } = isShown ? state.get("field") : fieldOf(state, side);
  if (side === DIFFERENCE) {
    const largest = quantiles(values.map(Math.abs), [0.995])[0] || 1;
    paint(canvas, values, width, height, { low: -largest, high: largest, table: maps.difference });
    return;
  }
  const range = { low: state.get("far"), high: state.get("near") };
  const count = state.get("contours");
  const shown = canvas.getBoundingClientRect().width || width;
  const thickness = Math.max(1, Math.round((CONTOUR * width) / shown));
  const lines = (image) => drawContours(image, values, { ...range, count, thickness });
  paint(canvas, values, width, height, { ...range, table: maps.tables[state.get("map")] }, count ? lines : null);
}
