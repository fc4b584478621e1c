// The pictures of the server, and those that are dropped onto the page, chosen or pasted.

import { server } from "./source.js";

const PLAYED = /\.(mp4|m4v|webm|mov|mkv)$/i;

// `open` is told of { id, name, isVideo } to show, `play` of a video's address and name, `complain` of a sentence.
export function attachGallery({ mostBytes, open, play, complain }) {
  const tiles = document.getElementById("tiles");
  const chooser = document.getElementById("files");
  const drop = document.getElementById("drop");

  const show = (picture, tile) => {
    for (const other of tiles.querySelectorAll("button")) other.removeAttribute("aria-current");
    tile?.setAttribute("aria-current", "true");
    return picture.isVideo ? play(server.video(picture.id), picture.name) : open(picture);
  };
  const list = (picture) => {
    const item = document.createElement("li");
    const tile = Object.assign(document.createElement("button"), { type: "button", title: picture.name });
    const image = Object.assign(document.createElement("img"), { loading: "lazy", alt: "" });
    const words = Object.assign(document.createElement("span"), { textContent: picture.name });
    image.addEventListener("error", () => {
      tile.classList.add("broken");
      image.removeAttribute("src");
    });
    if (!picture.isVideo) image.src = server.thumbnail(picture.id);
    else tile.classList.add("video");
    tile.append(image, words);
    tile.addEventListener("click", () => show(picture, tile));
    item.append(tile);
    tiles.append(item);
    return tile;
  };

  const add = async (files) => {
    let last;
    for (const file of files) {
      try {
        if (PLAYED.test(file.name) || file.type.startsWith("video/")) {
          play(URL.createObjectURL(file), file.name);
          continue;
        }
        if (file.size > mostBytes) throw new Error(`${file.name} is larger than the ${mostBytes >> 20} MiB that the page takes; name it to muggle-convert view.`);
        const picture = await server.add(file);
        last = [picture, list(picture)];
      } catch (problem) {
        complain(problem.message);
      }
    }
    if (last) show(...last);
  };

  chooser.addEventListener("change", async () => {
    await add([...chooser.files]);
    chooser.value = "";
  });
  addEventListener("paste", (event) => add([...(event.clipboardData?.files ?? [])]));
  addEventListener("dragover", (event) => {
    if (![...event.dataTransfer.types].includes("Files")) return;
    event.preventDefault();
    drop.hidden = false;
  });
  addEventListener("dragleave", (event) => {
    if (!event.relatedTarget) drop.hidden = true;
  });
  addEventListener("drop", (event) => {
    event.preventDefault();
    drop.hidden = true;
    add([...event.dataTransfer.files]);
  });

  return (pictures) => {
    const shown = pictures.map((picture) => [picture, list(picture)]);
    if (shown.length) show(...shown[0]);
  };
}
