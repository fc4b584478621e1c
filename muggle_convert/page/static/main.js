// Puts the page together: what it shows, and what follows what.

import { Maps } from "./colours.js";
import { attachComparing } from "./compare.js";
import { attachDivider } from "./divider.js";
import { attachDownloads } from "./downloads.js";
import { attachField } from "./field.js";
import { attachFlat } from "./flat.js";
import { attachGallery } from "./gallery.js";
import { attachHover } from "./hover.js";
import { attachLive } from "./live.js";
import { attachMeasuring } from "./measure.js";
import { attachModes } from "./mode.js";
import { attachRange } from "./range.js";
import { openEnclosed, server } from "./source.js";
import { attachSpace } from "./space/space.js";
import { State } from "./state.js";
import { attachSurface } from "./surface.js";

const enclosed = JSON.parse(document.getElementById("enclosed").textContent);
const message = document.getElementById("message");
const working = document.getElementById("working");

function complain(sentence) {
  message.textContent = sentence;
  message.hidden = !sentence;
}

// Until another picture is there.
function clear(state) {
  state.set({ sight: null, known: [], fits: [], isMarking: false, left: "picture", right: "0", probe: null });
}

function show(state, sight) {
  state.set({ fits: sight.layers.map(() => null), picture: sight.picture, sight });
  document.getElementById("title").textContent = document.title = sight.name;
}

async function start() {
  const about = enclosed?.about ?? (await server.about());
  const maps = new Maps(about);
  const state = new State({
    ...{ sight: null, picture: null, left: "picture", right: "0", fits: [], known: [], isMarking: false, probe: null },
    ...{ divider: 0.5, map: maps.names[0], far: 0, near: 1, lowest: 0, highest: 1, contours: 0, planeKind: "none", planeShare: 1 },
    ...{ mode: "flat", field: null },
  });
  attachModes(state);
  attachDivider(state);
  attachField(state);
  attachFlat(state, maps);
  attachRange(state, maps);
  attachSurface(state);
  attachComparing(state);
  attachHover(state, attachMeasuring(state));
  const scene = attachSpace(state, complain);
  attachDownloads(state, scene, complain);
  if (enclosed) {
    document.documentElement.classList.add("alone");
    show(state, await openEnclosed(enclosed));
    return;
  }

  let opening = new AbortController();
  const open = async ({ id, name }) => {
    opening.abort();
    opening = new AbortController();
    const { signal } = opening;
    complain("");
    if (state.get("mode") === "live") state.set({ mode: "flat" });
    clear(state);
    document.getElementById("title").textContent = document.title = name;
    working.hidden = false;
    try {
      const depth = server.depth(id, signal);
      depth.catch(() => {}); // it is told below, after the picture
      const picture = await server.picture(id).catch(() => null); // what is wrong with it, the prediction tells
      if (signal.aborted) return;
      if (picture) state.set({ picture });
      const sight = await depth;
      if (!signal.aborted) show(state, { ...sight, name, picture: picture ?? (await server.picture(id)) });
    } catch (problem) {
      if (signal.aborted) return;
      state.set({ picture: null });
      document.documentElement.style.removeProperty("--ratio");
      complain(problem.message);
    } finally {
      if (!signal.aborted) working.hidden = true;
    }
  };
  const live = attachLive(state, maps, complain);
  const fill = attachGallery({ mostBytes: about.mostBytes, open, play: live.play, complain });
  document.getElementById("title").textContent = about.models.join(" and ");
  fill(await server.pictures());
  if (about.isLive) live.startCamera();
}

start().catch((problem) => complain(problem.message));
