// Two models: which of them is on the left, which on the right, and how far they are apart.

import { DIFFERENCE, differenceOf, quantiles } from "./depth.js";

export function attachComparing(state) {
  const group = document.getElementById("comparing");
  const sides = { left: document.getElementById("left-side"), right: document.getElementById("right-side") };
  for (const side of ["left", "right"]) sides[side].addEventListener("change", () => state.set({ [side]: sides[side].value }));

  state.follow(["sight"], () => {
    const sight = state.get("sight");
    group.hidden = !(sight?.layers.length > 1);
    if (group.hidden) return;
    const models = sight.layers.map((layer, number) => [String(number), layer.name]);
    fill(sides.left, [["picture", "The picture"], ...models]);
    fill(sides.right, [...models, [DIFFERENCE, "The difference"]]);
    const sizes = differenceOf(sight.layers).map(Math.abs);
    const [middle, most] = quantiles(sizes, [0.5, 1]);
    const unit = sight.layers.every((layer) => layer.metres) ? " m" : "";
    document.getElementById("differing").textContent =
      `${sight.difference[0].toUpperCase()}${sight.difference.slice(1)}: half of all pixels within ${short(middle)}${unit}, all within ${short(most)}${unit}`;
  });
  state.follow(["left", "right", "sight"], () => {
    for (const side of ["left", "right"]) sides[side].value = state.get(side);
  });
}

function short(size) {
  return String(Number(size.toPrecision(3)));
}

function fill(select, options) {
  select.replaceChildren(...options.map(([value, words]) => new Option(words, value)));
}
