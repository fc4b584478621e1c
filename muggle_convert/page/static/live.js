// A camera's frames or a video's, each predicted as soon as the one before is done: never more than one is under way.

import { paint } from "./colours.js";
import { nearness, quantiles } from "./depth.js";
import { server } from "./source.js";

const WIDEST = 640; // pixels of a frame that is sent
const STEADINESS = 0.1; // how far colours follow each new frame
const REMEMBERED = 12; // frames, for the pace

export function attachLive(state, maps, complain) {
  const video = document.getElementById("video");
  const caption = video.parentElement.querySelector("figcaption");
  const moving = document.getElementById("moving");
  const pace = document.getElementById("pace");
  const button = document.getElementById("camera");
  const sent = document.createElement("canvas");
  let run = 0; // which one is under way; another number ends it

  const stop = () => {
    run++;
    for (const track of video.srcObject?.getTracks() ?? []) track.stop();
    video.srcObject = null;
    button.textContent = "Start the camera";
    pace.textContent = "";
  };

  const predict = async (mine) => {
    let range = null;
    let times = [];
    while (mine === run) {
      if (!video.videoWidth || state.get("mode") !== "live") {
        await new Promise((resolve) => setTimeout(resolve, 50));
        continue;
      }
      const began = performance.now();
      const scale = Math.min(1, WIDEST / video.videoWidth);
      Object.assign(sent, { width: Math.round(scale * video.videoWidth), height: Math.round(scale * video.videoHeight) });
      sent.getContext("2d").drawImage(video, 0, 0, sent.width, sent.height);
      const blob = await new Promise((resolve) => sent.toBlob(resolve, "image/jpeg", 0.9));
      const sight = await server.frame(blob);
      if (mine !== run) return;
      if (!sight) {
        await new Promise((resolve) => setTimeout(resolve, 50));
        continue;
      }
      const near = nearness(sight.layers[0], null);
      const now = quantiles(near, [0.002, 0.998]);
      range = range ? range.map((end, place) => end + STEADINESS * (now[place] - end)) : now;
      paint(moving, near, sight.width, sight.height, { low: range[0], high: range[1], table: maps.tables[state.get("map")] });
      const ended = performance.now();
      times = [...times, ended].slice(-REMEMBERED);
      const rate = times.length > 1 ? (1000 * (times.length - 1)) / (ended - times[0]) : 0;
      pace.textContent = `${rate.toFixed(1)} frames a second, ${Math.round(ended - began)} ms behind`;
    }
  };

  const start = async (name, prepare) => {
    stop();
    const mine = run;
    caption.textContent = name;
    state.set({ mode: "live" });
    try {
      await prepare();
      if (mine !== run) return;
      await video.play();
      await predict(mine);
    } catch (problem) {
      if (mine !== run) return;
      stop();
      complain(problem.message);
    }
  };

  const startCamera = () =>
    start("Camera", async () => {
      video.controls = false;
      video.removeAttribute("src");
      button.textContent = "Stop the camera";
      try {
        const stream = await navigator.mediaDevices.getUserMedia({ video: { width: { ideal: WIDEST } } });
        video.srcObject = stream;
      } catch (problem) {
        throw new Error(`The browser gives no camera (${problem.name}); plug one in, or allow this page to use it.`, { cause: problem });
      }
    });
  const play = (address, name) =>
    start(name, async () => {
      video.controls = true;
      video.src = address;
      await new Promise((resolve, reject) => {
        video.addEventListener("loadeddata", resolve, { once: true });
        const said = `This browser cannot play ${name}; muggle-convert depth ${name} -m MODEL -o OUT makes a video of its depth.`;
        video.addEventListener("error", () => reject(new Error(said)), { once: true });
      });
    });

  button.addEventListener("click", () => (video.srcObject ? stop() : startCamera()));
  return { startCamera, play };
}
