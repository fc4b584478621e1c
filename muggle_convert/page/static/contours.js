// Lines of equal depth, at even steps over the range of the colours.

// Lines so many pixels wide, over what is painted already: dark on light shades, light on dark ones.
export function drawContours({ data, width, height }, values, { low, high, count, thickness }) {
  const bands = new Int16Array(values.length); // a loop, as calling back for every pixel takes ten times as long
  const steps = count / (high - low || 1e-12);
  for (let place = 0; place < bands.length; place++) {
    const band = (values[place] - low) * steps;
    bands[place] = band >= 0 ? (band < count ? band | 0 : count) : -1;
  }
  for (let y = 0; y < height; y++) {
    const below = Math.min(thickness, height - 1 - y) * width;
    for (let x = 0; x < width; x++) {
      const place = y * width + x;
      const band = bands[place];
      if (band === bands[place + below] && band === bands[place + Math.min(thickness, width - 1 - x)]) continue;
      const pixel = 4 * place;
      const isLight = data[pixel] + 2 * data[pixel + 1] + data[pixel + 2] > 460;
      for (let part = pixel; part < pixel + 3; part++) data[part] = isLight ? 0.35 * data[part] : 150 + 0.41 * data[part];
    }
  }
}
