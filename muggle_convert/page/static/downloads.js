// What is seen, as files.

import { DIFFERENCE, metresOf } from "./depth.js";
import { glb } from "./files/glb.js";
import { ply } from "./files/ply.js";
import { png16 } from "./files/png16.js";

const ENDINGS = { png: "-depth.png", png16: "-depth16.png", glb: ".glb", ply: ".ply" };
const QUALITY = 0.92; // of the picture in a mesh
const MILLIMETRE = 0.001;

export function attachDownloads(state, scene, complain) {
  const made = {
    png: () => blobOf(document.getElementById("right"), "image/png"),
    png16: () => sixteenBits(state),
    glb: async () => {
      const picture = await (await blobOf(canvasOf(state.get("picture")), "image/jpeg", QUALITY)).arrayBuffer();
      return glb(scene.geometry(false), picture, scene.view(), unitOf(scene));
    },
    ply: () => {
      const canvas = canvasOf(state.get("picture"));
      const image = canvas.getContext("2d").getImageData(0, 0, canvas.width, canvas.height);
      const comments = [`coordinates in ${unitOf(scene)}`, `field of view ${state.get("fov")} degrees across the longer side`];
      return ply(scene.geometry(state.get("madeOf") === "points"), image, comments);
    },
  };
  for (const button of document.querySelectorAll("#downloads button"))
    button.addEventListener("click", async () => {
      button.disabled = true;
      await new Promise((resolve) => setTimeout(resolve)); // so that it is seen at once
      try {
        save(await made[button.value](), state.get("sight").name.replace(/\.\w+$/, "") + ENDINGS[button.value]);
      } catch (problem) {
        complain(`${button.textContent} cannot be made: ${problem.message}`);
      }
      button.disabled = !state.get("sight");
    });
  state.follow(["sight"], () => {
    for (const button of document.querySelectorAll("#downloads button")) button.disabled = !state.get("sight");
  });
}

function unitOf(scene) {
  return scene.isInMetres() ? "metres" : "no unit: relative depth, the nearest put at 1";
}

// The numbers of the model, or metres where they are known from marked places.
function sixteenBits(state) {
  const sight = state.get("sight");
  const number = state.get("right") === DIFFERENCE ? 0 : Number(state.get("right"));
  const [layer, fitted] = [sight.layers[number], state.get("fits")[number]];
  const [offset, step] = layer.sixteen;
  if (!fitted) return png16(layer.values, sight.width, sight.height, { unit: layer.unit, offset, step });
  const metres = layer.values.map((value) => metresOf(layer, value, fitted));
  return png16(metres, sight.width, sight.height, { unit: "metres", offset: 0, step: MILLIMETRE });
}

function canvasOf(picture) {
  const canvas = Object.assign(document.createElement("canvas"), { width: picture.width, height: picture.height });
  canvas.getContext("2d").drawImage(picture, 0, 0);
  return canvas;
}

function blobOf(canvas, kind, quality) {
  return new Promise((resolve, reject) => canvas.toBlob((blob) => (blob ? resolve(blob) : reject(new Error("it is too large"))), kind, quality));
}

function save(blob, name) {
  const link = Object.assign(document.createElement("a"), { href: URL.createObjectURL(blob), download: name });
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 60_000);
}
