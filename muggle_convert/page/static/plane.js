// A flat surface, such as a floor: in nearness, every plane in space is linear in the pixels' places, and can be subtracted.

const SAMPLES = 3000;
const TRIALS = 150;
const WITHIN = 0.02; // of the spread of all numbers, a sample lies on the plane

// { across, down, middle } of nearness = across * x + down * y + middle; null where there is no such surface.
export function findPlane(kind, near, width, height, places) {
  if (kind === "marked") return places.length < 3 ? null : leastSquares(places.map(({ x, y }) => [x, y, near[y * width + x]]));
  return mostCommon(sampled(near, width, height, kind === "floor" ? 0.6 : 0));
}

export function withoutPlane(near, width, height, plane, share) {
  const found = new Float32Array(near.length);
  const middle = (plane.across * (width - 1) + plane.down * (height - 1)) / 2;
  for (let y = 0, place = 0; y < height; y++)
    for (let x = 0; x < width; x++, place++) found[place] = near[place] - share * (plane.across * x + plane.down * y - middle);
  return found;
}

function sampled(near, width, height, fromRow) {
  const top = Math.floor(fromRow * height);
  const step = Math.max(1, Math.floor(Math.sqrt((width * (height - top)) / SAMPLES)));
  const found = [];
  for (let y = top; y < height; y += step)
    for (let x = 0; x < width; x += step) if (Number.isFinite(near[y * width + x])) found.push([x, y, near[y * width + x]]);
  return found;
}

// The plane on which the most samples lie, out of many through three of them, and then the best through those samples.
function mostCommon(samples) {
  if (samples.length < 3) return null;
  const sorted = samples.map((sample) => sample[2]).sort((one, other) => one - other);
  const tolerance = WITHIN * (sorted[Math.floor(0.98 * sorted.length)] - sorted[Math.floor(0.02 * sorted.length)]);
  let seed = 1;
  const any = () => {
    seed = (seed * 48271) % 2147483647; // the same surface each time
    return samples[seed % samples.length];
  };
  let best = [];
  for (let trial = 0; trial < TRIALS; trial++) {
    const plane = leastSquares([any(), any(), any()]);
    if (!plane) continue;
    const on = samples.filter(([x, y, value]) => Math.abs(plane.across * x + plane.down * y + plane.middle - value) <= tolerance);
    if (on.length > best.length) best = on;
  }
  return leastSquares(best);
}

function leastSquares(samples) {
  const count = samples.length;
  if (count < 3) return null;
  const mean = [0, 1, 2].map((axis) => samples.reduce((total, sample) => total + sample[axis], 0) / count);
  let [xx, xy, yy, xz, yz] = [0, 0, 0, 0, 0];
  for (const sample of samples) {
    const [x, y, z] = sample.map((value, axis) => value - mean[axis]);
    xx += x * x;
    xy += x * y;
    yy += y * y;
    xz += x * z;
    yz += y * z;
  }
  const determinant = xx * yy - xy * xy;
  if (!(Math.abs(determinant) > 1e-9 * xx * yy)) return null; // all on one line
  const across = (xz * yy - yz * xy) / determinant;
  const down = (yz * xx - xz * xy) / determinant;
  return { across, down, middle: mean[2] - across * mean[0] - down * mean[1] };
}
