// The view in space: what stands in it, how it is looked at, and what goes into files of it.

import { DIFFERENCE } from "../depth.js";
import { attachSlider } from "../range.js";
import { oncePerFrame } from "../state.js";
import { Camera } from "./camera.js";
import { focalLength, gridOf, located, pointsOf, triangles, usedBy } from "./mesh.js";
import { attachOrbit } from "./orbit.js";
import { Renderer } from "./renderer.js";

// While it turns, as much detail as there is time for.
const DETAIL = [
  { stride: 1, scale: 1 },
  { stride: 2, scale: 1 },
  { stride: 4, scale: 0.75 },
  { stride: 8, scale: 0.5 },
  { stride: 16, scale: 0.5 },
  { stride: 16, scale: 0.35 },
];
const [SLOW, QUICK] = [20, 7]; // milliseconds for a drawing, of the 33 that thirty frames a second leave for it and for the page around it
const AT_REST = { stride: 1, scale: 2 }; // four dots of the drawing for one of the screen smooth its edges, where that takes no time
const REST = 180; // milliseconds without a movement
const STUCK = 700; // milliseconds for which nobody likes to wait whenever a movement ends

export function attachSpace(state, complain) {
  const canvas = document.getElementById("scene");
  const counted = document.getElementById("counted");
  let [renderer, camera, detail, still, resting] = [null, null, 0, 0, 0];

  const layerNumber = () => (state.get("right") === DIFFERENCE ? 0 : Number(state.get("right")));
  const layer = () => state.get("sight").layers[layerNumber()];
  const fitted = () => state.get("fits")[layerNumber()];
  const focal = () => focalLength(state.get("sight"), state.get("fov"));
  const grid = () => gridOf(state.get("sight"), layer(), fitted(), state.get("farthest"));
  const isShown = () => renderer && camera && state.get("mode") === "space" && state.get("sight");

  const drawAt = ({ stride, scale }) => {
    const dots = scale * Math.min(2, devicePixelRatio);
    const [width, height] = [canvas.clientWidth, canvas.clientHeight].map((side) => Math.max(1, Math.round(dots * side)));
    if (canvas.width !== width || canvas.height !== height) Object.assign(canvas, { width, height });
    return renderer.draw({ camera, focal: focal(), stride, arePoints: state.get("madeOf") === "points" });
  };
  const rest = () => {
    if (!isShown()) return;
    const took = drawAt(DETAIL[still]);
    const enough = DETAIL.findIndex(({ stride }) => took * (DETAIL[still].stride / stride) ** 2 < SLOW);
    detail = Math.max(detail, enough < 0 ? DETAIL.length - 1 : enough);
    if (took > STUCK) still = 1;
    if (took < QUICK) drawAt(AT_REST);
  };
  const drawMoving = oncePerFrame(() => {
    if (!isShown()) return;
    const took = drawAt(DETAIL[detail]);
    if (took > SLOW) detail = Math.min(DETAIL.length - 1, detail + 1);
    else if (took < QUICK) detail = Math.max(0, detail - 1);
  });
  const move = () => {
    clearTimeout(resting);
    resting = setTimeout(rest, REST);
    drawMoving();
  };
  const settle = oncePerFrame(rest);

  const build = oncePerFrame(() => {
    if (state.get("mode") !== "space" || !state.get("sight")) return;
    try {
      renderer ??= new Renderer(canvas);
    } catch (problem) {
      complain(problem.message);
      return;
    }
    const built = grid();
    renderer.setCutting(state.get("cutting"));
    renderer.setGrid(built);
    if (!camera || camera.middle !== built.middle) camera = new Camera(built.middle);
    dress();
    count(built);
    settle();
  });
  const dress = () => renderer?.setDress(state.get("dressedIn") === "picture" ? state.get("picture") : document.getElementById("right"));
  const count = (built) => {
    const said = [`${built.count.toLocaleString("en")} points`];
    if (state.get("madeOf") === "mesh") said.push(`${renderer.countTriangles().toLocaleString("en")} triangles`);
    counted.textContent = said.join(", ");
  };

  attachSlider("fov", (degrees) => (state.set({ fov: degrees }), `${degrees}°`));
  attachSlider("farthest", (times) => (state.set({ farthest: times }), `1 : ${times}`));
  attachSlider("cutting", (percent) => {
    state.set({ cutting: percent ? 0.5 * 0.004 ** (percent / 100) : Infinity });
    return percent ? `${percent}%` : "nowhere";
  });
  for (const [name, key] of [
    ["made-of", "madeOf"],
    ["dressed-in", "dressedIn"],
  ]) {
    const choice = document.getElementById(name);
    state.set({ [key]: choice.querySelector(":checked").value });
    choice.addEventListener("change", (event) => state.set({ [key]: event.target.value }));
  }
  document.getElementById("home").addEventListener("click", () => {
    camera?.home();
    move();
  });
  attachOrbit(canvas, () => camera, move);
  new ResizeObserver(settle).observe(canvas);

  state.follow(["sight"], () => {
    const sight = state.get("sight");
    if (!sight) return;
    camera = null;
    const slider = document.getElementById("fov");
    slider.value = Math.round(sight.fieldOfView);
    slider.dispatchEvent(new Event("input"));
  });
  state.follow(["sight", "fits", "right"], () => {
    document.getElementById("farthest-row").hidden = Boolean(state.get("sight") && (layer().metres || fitted()));
  });
  state.follow(["mode", "sight", "fits", "right", "farthest", "cutting", "madeOf"], build);
  state.follow(["fov"], settle);
  state.follow(["dressedIn", "painted"], () => {
    if (!isShown()) return;
    dress();
    settle();
  });

  return {
    // What a file holds: points, or what triangles there are between them.
    geometry: (arePoints) => {
      const built = grid();
      if (arePoints) return { ...located(built, focal(), pointsOf(built)), indices: null };
      const { numbers, indices } = usedBy(triangles(built, state.get("cutting")), built.away.length);
      return { ...located(built, focal(), numbers), indices };
    },
    isInMetres: () => Boolean(layer().metres || fitted()),
    view: () => ({ focal: focal(), ...state.get("sight") }),
  };
}
