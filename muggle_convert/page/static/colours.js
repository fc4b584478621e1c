// Colour maps, and painting numbers with them.

export class Maps {
  constructor({ maps, difference }) {
    this.names = Object.keys(maps);
    this.tables = Object.fromEntries(Object.entries(maps).map(([name, text]) => [name, shades(text)]));
    this.difference = shades(difference);
  }
}

// One number for the four bytes of each shade, as the pixels of a canvas are laid out.
function shades(text) {
  const bytes = Uint8Array.from(atob(text), (letter) => letter.charCodeAt(0));
  const found = new Uint32Array(bytes.length / 3);
  for (let shade = 0; shade < found.length; shade++)
    found[shade] = (255 << 24) | (bytes[3 * shade + 2] << 16) | (bytes[3 * shade + 1] << 8) | bytes[3 * shade];
  return found;
}

const NO_NUMBER = 0xff808080;

// Values from `low`, the first shade, to `high`, the last; grey where there is no number. `drawOver` may change the pixels before they are shown.
export function paint(canvas, values, width, height, { low, high, table }, drawOver = null) {
  if (canvas.width !== width || canvas.height !== height) Object.assign(canvas, { width, height });
  const image = new ImageData(width, height);
  const pixels = new Uint32Array(image.data.buffer);
  const last = table.length - 1;
  const steps = last / (high - low || 1e-12);
  for (let place = 0; place < pixels.length; place++) {
    const shade = (values[place] - low) * steps + 0.5;
    if (shade >= 0) pixels[place] = table[shade < last ? shade | 0 : last];
    else pixels[place] = shade < 0 ? table[0] : NO_NUMBER;
  }
  drawOver?.(image);
  canvas.getContext("2d").putImageData(image, 0, 0);
}

// The shades from the first to the last, as a picture one pixel high.
export function paintBar(canvas, table) {
  const ramp = Float32Array.from(table, (_, shade) => shade);
  paint(canvas, ramp, table.length, 1, { low: 0, high: table.length - 1, table });
}
