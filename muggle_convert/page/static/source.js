// Where pictures and numbers come from: the server, or the file that the page itself is.

const NO_NUMBER = 65535;

// A page that holds its picture.
export async function openEnclosed({ sight }) {
  const layers = sight.layers.map(async ({ numbers, ...layer }) => ({ ...layer, values: await unpacked(numbers, sight.width, sight.height) }));
  const name = decodeURIComponent(location.pathname.split("/").pop()).replace(/\.html?$/i, "") || "Depth";
  return { ...sight, name, layers: await Promise.all(layers), picture: await pictureAt(sight.picture) };
}

// Rows are differences from those above, the low bytes of all numbers before the high ones.
async function unpacked({ least, step, deflated }, width, height) {
  const packed = Uint8Array.from(atob(deflated), (letter) => letter.charCodeAt(0));
  const stream = new Blob([packed]).stream().pipeThrough(new DecompressionStream("deflate"));
  const bytes = new Uint8Array(await new Response(stream).arrayBuffer());
  const count = width * height;
  const numbers = new Uint16Array(count);
  const values = new Float32Array(count);
  for (let place = 0; place < count; place++) {
    numbers[place] = (bytes[place] | (bytes[place + count] << 8)) + (place >= width ? numbers[place - width] : 0);
    values[place] = numbers[place] === NO_NUMBER ? NaN : least + step * numbers[place];
  }
  return values;
}

export async function pictureAt(address) {
  const picture = new Image();
  picture.src = address;
  await picture.decode();
  return picture;
}

async function answered(response) {
  if (response.ok) return response;
  const { error } = await response.json().catch(() => ({}));
  throw new Error(error ?? `The server answered ${response.status}.`);
}

async function asked(address, options) {
  let response;
  try {
    response = await fetch(address, options);
  } catch (problem) {
    if (problem.name === "AbortError") throw problem;
    throw new Error("The server does not answer; it may have been ended.", { cause: problem });
  }
  return answered(response);
}

export const server = {
  about: async () => (await asked("api/about")).json(),
  pictures: async () => (await asked("api/pictures")).json(),
  thumbnail: (id) => `api/pictures/${id}/thumbnail`,
  video: (id) => `api/pictures/${id}/video`,
  picture: (id) => pictureAt(`api/pictures/${id}/picture`),
  depth: async (id, signal) => message(await (await asked(`api/pictures/${id}/depth`, { signal })).arrayBuffer()),
  add: async (file) => (await asked(`api/pictures?name=${encodeURIComponent(file.name)}`, { method: "POST", body: file })).json(),
  // Null while another prediction is under way.
  frame: async (blob) => {
    const response = await fetch("api/frames", { method: "POST", body: blob });
    return response.status === 503 ? null : message(await (await answered(response)).arrayBuffer());
  },
};

// The length of a description, the description, and the numbers of each layer.
function message(buffer) {
  const length = new DataView(buffer).getUint32(0, true);
  const sight = JSON.parse(new TextDecoder().decode(new Uint8Array(buffer, 4, length)));
  const count = sight.width * sight.height;
  sight.layers.forEach((layer, number) => {
    layer.values = new Float32Array(buffer, 4 + length + 4 * count * number, count);
  });
  return sight;
}
