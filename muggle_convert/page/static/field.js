// What is painted: nearness of the side that is looked at, without the surface that is taken away; and the range of it that has colours.

import { DIFFERENCE, differenceOf, nearness, quantiles } from "./depth.js";
import { findPlane, withoutPlane } from "./plane.js";

const NO_SURFACE = "There is no such surface here.";
const MARK_THREE = "Mark three places on the surface, under Metres.";

export function attachField(state) {
  let before = null;
  const find = () => {
    const sight = state.get("sight");
    if (!sight) return;
    const right = state.get("right");
    const field = fieldOf(state, right === DIFFERENCE ? "0" : right);
    const [lowest, far, near, highest] = quantiles(field.values, [0, 0.002, 0.998, 1]);
    const isAsBefore = before === sight && lowest === state.get("lowest") && highest === state.get("highest");
    before = sight;
    state.set(isAsBefore ? { field } : { field, far, near, lowest, highest }); // a range that somebody chose is kept
  };
  const depends = ["sight", "right", "fits", "planeKind", "planeShare"];
  state.follow(depends, find);
  state.follow(["known"], () => state.get("planeKind") === "marked" && find());
}

// { values, note }: of one model's prediction, or of the difference between two.
export function fieldOf(state, side) {
  const sight = state.get("sight");
  if (side === DIFFERENCE) return { values: differenceOf(sight.layers) };
  const near = nearness(sight.layers[Number(side)], state.get("fits")[Number(side)]);
  const kind = state.get("planeKind");
  if (kind === "none") return { values: near };
  const plane = findPlane(kind, near, sight.width, sight.height, state.get("known"));
  if (!plane) return { values: near, note: kind === "marked" ? MARK_THREE : NO_SURFACE };
  return { values: withoutPlane(near, sight.width, sight.height, plane, state.get("planeShare")) };
}
