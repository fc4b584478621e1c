// The numbers of a prediction: what they mean, which of them are near, and what they are in metres.

export const DIFFERENCE = "difference";

// Scale and shift from two known distances or more, as model.to_metres finds them; or a sentence on why there are none.
export function fit(layer, width, known) {
  const given = known.filter((place) => place.metres > 0 && Number.isFinite(place.metres));
  if (layer.metres) return { sentence: "This model predicts metres already." };
  if (given.length < 2) return { sentence: "Mark two places, and say how far away they are." };
  const values = given.map((place) => layer.values[place.y * width + place.x]);
  const wanted = given.map((place) => (layer.inverse ? 1 / place.metres : place.metres));
  if (!values.every(Number.isFinite)) return { sentence: "One of the places has no depth; mark another." };
  const mean = average(values);
  const spread = values.map((value) => value - mean);
  const square = sum(spread.map((value) => value * value));
  if (!(square > 1e-12 * Math.max(1e-12, sum(values.map((value) => value * value)))))
    return { sentence: "All places have the same depth here; mark places at different depths." };
  if (new Set(given.map((place) => place.metres)).size === 1)
    return { sentence: "All places are said to be equally far away, which tells no scale; mark places at different distances." };
  const scale = sum(spread.map((value, place) => value * wanted[place])) / square;
  if (scale <= 0) return { sentence: "What is said to be farther is predicted nearer; check the distances." };
  return { scale, shift: average(wanted) - scale * mean };
}

// Metres of one number, or NaN where none are known.
export function metresOf(layer, value, fitted) {
  if (layer.metres) return value;
  if (!fitted) return NaN;
  const found = fitted.scale * value + fitted.shift;
  if (layer.inverse) return found > 0 ? 1 / found : Infinity;
  return found > 0 ? found : NaN;
}

// Larger is nearer, whatever was predicted; metres become inverse depth, so that near things have the finest steps.
export function nearness(layer, fitted) {
  const { values } = layer;
  const near = new Float32Array(values.length);
  if (layer.inverse) {
    near.set(values);
  } else if (layer.metres || fitted) {
    for (let place = 0; place < values.length; place++) {
      const metres = metresOf(layer, values[place], fitted);
      near[place] = metres > 0 ? 1 / metres : NaN;
    }
  } else {
    for (let place = 0; place < values.length; place++) near[place] = -values[place];
  }
  return near;
}

// The second prediction minus the first.
export function differenceOf([first, second]) {
  return first.values.map((value, place) => {
    const found = second.values[place] - value;
    return Number.isFinite(found) ? found : 0;
  });
}

// Numbers below which given shares of all others are; a few ten thousand of them say it well enough.
export function quantiles(values, shares) {
  const step = Math.max(1, Math.floor(values.length / 50021));
  const found = new Float32Array(Math.ceil(values.length / step));
  let count = 0;
  for (let place = 0; place < values.length; place += step) if (Number.isFinite(values[place])) found[count++] = values[place];
  if (!count) return shares.map((share) => share);
  const sorted = found.subarray(0, count).sort();
  return shares.map((share) => {
    const at = share * (count - 1);
    const below = Math.floor(at);
    return sorted[below] + (at - below) * (sorted[Math.min(below + 1, count - 1)] - sorted[below]);
  });
}

// A number with its unit: relative numbers are never called metres.
export function described(layer, value, fitted) {
  if (!Number.isFinite(value)) return "no depth";
  if (layer.metres) return `${inMetres(value)} m`;
  if (fitted) return `${inMetres(metresOf(layer, value, fitted))} m`;
  return `${rounded(value)} ${layer.unit.replace(", without a unit", "")}`;
}

// What a nearness says, at the ends of the colours.
export function describedNearness(layer, near, fitted) {
  if (layer.metres || (fitted && !layer.inverse)) return near > 0 ? `${inMetres(1 / near)} m` : "∞";
  if (layer.inverse) return fitted ? `${inMetres(metresOf(layer, near, fitted))} m` : rounded(near);
  return rounded(-near);
}

export function rounded(value) {
  return String(Number(value.toPrecision(6)));
}

function inMetres(metres) {
  return Number.isFinite(metres) ? String(Number(metres.toPrecision(4))) : "∞";
}

function sum(values) {
  return values.reduce((total, value) => total + value, 0);
}

function average(values) {
  return sum(values) / values.length;
}
