// The divider between the left and the right side, which is dragged, or moved with the arrow keys.

export function attachDivider(state) {
  const divider = document.getElementById("divider");
  const frame = document.getElementById("frame");
  const right = document.getElementById("right");
  const move = (share) => state.set({ divider: Math.min(1, Math.max(0, share)) });

  const drag = (event) => {
    const box = frame.getBoundingClientRect();
    move((event.clientX - box.left) / box.width);
  };
  divider.addEventListener("pointerdown", (event) => {
    if (event.button) return;
    event.preventDefault();
    event.stopPropagation();
    divider.focus({ preventScroll: true });
    divider.setPointerCapture(event.pointerId);
    divider.addEventListener("pointermove", drag);
  });
  for (const end of ["pointerup", "pointercancel"])
    divider.addEventListener(end, () => divider.removeEventListener("pointermove", drag));
  divider.addEventListener("click", (event) => event.stopPropagation());
  divider.addEventListener("keydown", (event) => {
    const step = event.shiftKey ? 0.1 : 0.01;
    const places = { ArrowLeft: state.get("divider") - step, ArrowRight: state.get("divider") + step, Home: 0, End: 1 };
    if (!(event.key in places)) return;
    event.preventDefault();
    event.stopPropagation();
    move(places[event.key]);
  });

  state.follow(["divider"], () => {
    const percent = 100 * state.get("divider");
    divider.style.left = `${percent}%`;
    right.style.clipPath = `inset(0 0 0 ${percent}%)`;
    divider.setAttribute("aria-valuenow", Math.round(percent));
  });
}
