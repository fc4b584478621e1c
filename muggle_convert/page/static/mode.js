// Which of the three views is shown.

const PLACES = ["flat", "space", "live"];

export function attachModes(state) {
  const choice = document.getElementById("mode");
  choice.addEventListener("change", (event) => state.set({ mode: event.target.value }));
  state.follow(["mode"], () => {
    const mode = state.get("mode");
    choice.querySelector(`[value=${mode}]`).checked = true;
    for (const place of PLACES) document.getElementById(place).hidden = place !== mode;
    document.getElementById("in-space").hidden = mode !== "space";
    document.documentElement.dataset.mode = mode;
  });
}
