// Turning, approaching and moving with a mouse, fingers or keys.

const KEYS = { ArrowLeft: [-0.08, 0], ArrowRight: [0.08, 0], ArrowUp: [0, -0.08], ArrowDown: [0, 0.08] };

// `camera` gives the present one; `onMove` is called whenever it has moved.
export function attachOrbit(canvas, camera, onMove) {
  const fingers = new Map();

  canvas.addEventListener("contextmenu", (event) => event.preventDefault());
  canvas.addEventListener("pointerdown", (event) => {
    canvas.focus({ preventScroll: true });
    canvas.setPointerCapture(event.pointerId);
    fingers.set(event.pointerId, event);
  });
  for (const end of ["pointerup", "pointercancel"]) canvas.addEventListener(end, (event) => fingers.delete(event.pointerId));
  canvas.addEventListener("pointermove", (event) => {
    const before = fingers.get(event.pointerId);
    if (!before || !camera()) return;
    const size = canvas.clientHeight;
    const [across, down] = [(event.clientX - before.clientX) / size, (event.clientY - before.clientY) / size];
    if (fingers.size > 1) {
      const other = [...fingers.values()].find((finger) => finger.pointerId !== event.pointerId);
      const apart = (finger) => Math.hypot(finger.clientX - other.clientX, finger.clientY - other.clientY);
      camera().approach(apart(before) / Math.max(1, apart(event)));
      camera().shift(across / 2, down / 2);
    } else if (event.shiftKey || event.buttons & 2) {
      camera().shift(across, down);
    } else {
      camera().turn(2 * across, 2 * down);
    }
    fingers.set(event.pointerId, event);
    onMove();
  });
  canvas.addEventListener(
    "wheel",
    (event) => {
      if (!camera()) return;
      event.preventDefault();
      camera().approach(Math.exp(Math.max(-0.4, Math.min(0.4, 0.0015 * event.deltaY))));
      onMove();
    },
    { passive: false },
  );
  canvas.addEventListener("keydown", (event) => {
    if (!camera()) return;
    if (event.key in KEYS) {
      const [across, down] = KEYS[event.key];
      if (event.shiftKey) camera().shift(across, down);
      else camera().turn(across, down);
    } else if (event.key === "+" || event.key === "=") camera().approach(0.9);
    else if (event.key === "-") camera().approach(1 / 0.9);
    else if (event.key === "Home") camera().home();
    else return;
    event.preventDefault();
    onMove();
  });
}
