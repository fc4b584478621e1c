// The nearest and the farthest depth that have colours, as two handles on the colours themselves; and what goes with them.

import { paintBar } from "./colours.js";
import { DIFFERENCE, describedNearness } from "./depth.js";

const STEPS = 1000;

export function attachRange(state, maps) {
  const ends = { far: document.getElementById("far"), near: document.getElementById("near") };
  const bar = document.querySelector("#range canvas");

  for (const end of ["far", "near"])
    ends[end].addEventListener("input", () => {
      const [lowest, highest] = [state.get("lowest"), state.get("highest")];
      const value = lowest + (ends[end].valueAsNumber / STEPS) * (highest - lowest);
      const far = end === "far" ? Math.min(value, state.get("near")) : state.get("far");
      const near = end === "near" ? Math.max(value, state.get("far")) : state.get("near");
      state.set({ far, near });
    });

  state.follow(["far", "near", "lowest", "highest", "map", "fits", "field"], () => {
    const [lowest, highest, far, near] = ["lowest", "highest", "far", "near"].map((key) => state.get(key));
    const sight = state.get("sight");
    if (!sight || !state.get("field")) return;
    const side = Number(state.get("right") === DIFFERENCE ? 0 : state.get("right"));
    const isMoved = state.get("planeKind") !== "none" && !state.get("field").note;
    const places = { far, near };
    for (const end of ["far", "near"]) {
      ends[end].value = (STEPS * (places[end] - lowest)) / (highest - lowest || 1);
      const said = isMoved ? "" : describedNearness(sight.layers[side], places[end], state.get("fits")[side]);
      document.getElementById(`${end}-end`).textContent = `${end} ${said}`;
      ends[end].setAttribute("aria-valuetext", said || `${Math.round(ends[end].valueAsNumber / 10)} of 100`);
    }
    paintBar(bar, maps.tables[state.get("map")]);
    const shares = [far, near].map((value) => (100 * (value - lowest)) / (highest - lowest || 1));
    bar.style.marginLeft = `${shares[0]}%`;
    bar.style.width = `${Math.max(0.5, shares[1] - shares[0])}%`;
  });

  attachMaps(state, maps);
  attachSlider("contours", (count) => {
    state.set({ contours: count });
    return count ? String(count) : "none";
  });
}

// A slider with what it says beside it.
export function attachSlider(id, onInput) {
  const slider = document.getElementById(id);
  const say = () => {
    const said = onInput(slider.valueAsNumber);
    slider.nextElementSibling.textContent = said;
    slider.setAttribute("aria-valuetext", said);
  };
  slider.addEventListener("input", say);
  say();
  return { slider, say };
}

function attachMaps(state, maps) {
  const choice = document.getElementById("maps");
  for (const name of maps.names) {
    const label = document.createElement("label");
    const input = Object.assign(document.createElement("input"), { type: "radio", name: "map", value: name, checked: name === state.get("map") });
    const swatch = document.createElement("canvas");
    paintBar(swatch, maps.tables[name]);
    input.addEventListener("change", () => state.set({ map: name }));
    const words = Object.assign(document.createElement("span"), { textContent: name });
    label.append(input, swatch, words);
    choice.append(label);
  }
}
