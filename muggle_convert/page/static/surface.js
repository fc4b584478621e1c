// Which surface is taken away, and how much of it.

import { attachSlider } from "./range.js";

export function attachSurface(state) {
  const kind = document.getElementById("plane");
  const note = document.getElementById("plane-note");
  const { slider } = attachSlider("plane-share", (percent) => {
    state.set({ planeShare: percent / 100 });
    return `${percent}%`;
  });
  kind.addEventListener("change", () => state.set({ planeKind: kind.value }));
  state.follow(["planeKind", "field"], () => {
    slider.disabled = state.get("planeKind") === "none";
    note.textContent = state.get("field")?.note ?? "";
    note.hidden = !note.textContent;
  });
}
