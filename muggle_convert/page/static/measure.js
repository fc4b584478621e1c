// Places that somebody marks, with how far away they are: two of them turn relative depth into metres.

import { DIFFERENCE, fit } from "./depth.js";

const SVG = "http://www.w3.org/2000/svg";
const MOST = 12;

// Gives back what a click on the picture does.
export function attachMeasuring(state) {
  const list = document.getElementById("known");
  const mark = document.getElementById("mark");
  const forget = document.getElementById("forget");
  const note = document.getElementById("measure-note");

  mark.addEventListener("click", () => state.set({ isMarking: !state.get("isMarking") }));
  forget.addEventListener("click", () => state.set({ known: [], isMarking: false }));

  state.follow(["isMarking"], () => {
    mark.setAttribute("aria-pressed", state.get("isMarking"));
    mark.textContent = state.get("isMarking") ? "Done marking" : "Mark places";
    const frame = document.getElementById("frame");
    frame.classList.toggle("marking", state.get("isMarking"));
    if (!state.get("isMarking")) return;
    state.set({ mode: "flat" });
    frame.scrollIntoView({ block: "nearest" }); // on a phone, the button is far below it
  });
  state.follow(["sight", "known"], () => {
    const sight = state.get("sight");
    const known = state.get("known");
    listPlaces(state, list, sight?.step ?? 1);
    drawPlaces(sight, known);
    if (!sight) return;
    const found = sight.layers.map((layer) => fit(layer, sight.width, known));
    const fits = found.map((one) => (one.sentence ? null : one));
    if (JSON.stringify(fits) !== JSON.stringify(state.get("fits"))) state.set({ fits });
    const isMetric = sight.layers.every((layer) => layer.metres);
    forget.hidden = !known.length;
    const shown = found[state.get("right") === DIFFERENCE ? 0 : Number(state.get("right"))];
    note.textContent = isMetric
      ? "This model predicts metres."
      : (shown.sentence ?? "From the distances of the marked places; the more, the better.");
  });

  return (place) => {
    const known = state.get("known");
    if (!state.get("isMarking") || known.length >= MOST) return;
    if (known.some((one) => one.x === place.x && one.y === place.y)) return;
    state.set({ known: [...known, { ...place, metres: NaN }] });
    list.lastElementChild?.querySelector("input")?.focus();
  };
}

function listPlaces(state, list, step) {
  const known = state.get("known");
  while (list.children.length > known.length) list.lastElementChild.remove();
  known.forEach((place, number) => {
    const row = list.children[number] ?? list.appendChild(placeRow(state, number));
    const [where, input] = [row.querySelector("span"), row.querySelector("input")];
    where.textContent = `${place.x * step}, ${place.y * step}`;
    input.setAttribute("aria-label", `Metres to place ${number + 1}, at ${where.textContent}`);
    if (document.activeElement !== input) input.value = Number.isNaN(place.metres) ? "" : place.metres;
  });
}

function placeRow(state, number) {
  const row = document.createElement("li");
  const input = Object.assign(document.createElement("input"), { type: "number", min: 0, step: "any", inputMode: "decimal", placeholder: "metres" });
  const remove = Object.assign(document.createElement("button"), { type: "button", textContent: "×", ariaLabel: `Forget place ${number + 1}` });
  input.addEventListener("input", () =>
    state.set({ known: state.get("known").map((place, other) => (other === number ? { ...place, metres: input.valueAsNumber } : place)) }),
  );
  remove.addEventListener("click", () => state.set({ known: state.get("known").filter((_, other) => other !== number) }));
  row.append(document.createElement("span"), input, remove);
  return row;
}

function drawPlaces(sight, known) {
  const drawing = document.getElementById("places");
  drawing.replaceChildren(
    ...known.map((place, number) => {
      const group = document.createElementNS(SVG, "svg");
      group.setAttribute("x", `${(100 * (place.x + 0.5)) / sight.width}%`);
      group.setAttribute("y", `${(100 * (place.y + 0.5)) / sight.height}%`);
      group.setAttribute("overflow", "visible");
      const circle = document.createElementNS(SVG, "circle");
      circle.setAttribute("r", "10");
      const words = document.createElementNS(SVG, "text");
      words.setAttribute("dy", "4");
      words.textContent = String(number + 1);
      group.append(circle, words);
      return group;
    }),
  );
}
