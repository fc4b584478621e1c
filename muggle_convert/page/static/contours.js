// Lines of equal depth, at even steps over the range of the colours.

// Lines so many pixels wide, over what is painted already: dark on light shades, light on dark ones.
export function drawContours({ data, width, height }, values, { low, high, count, thickness }) {
  const bands = Int16Array.from(values, (value) => {
    const share = (value - low) / (high - low || 1e-12);
    return share >= 0 ? Math.min(count, Math.floor(share * count)) : -1;
  });
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
