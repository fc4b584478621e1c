// From depth to points in space, and to triangles between neighbours that belong together.

import { metresOf, nearness, quantiles } from "../depth.js";

export const MOST = 1 << 20; // points; of more pixels every second row and column is taken, or every third
const FARTHEST = 50; // times the middle distance; what is farther, such as a sky in metres, would make everything else small
const COLUMNS = 1000; // for which `cutting` is meant; fewer are farther apart, and their depth changes more between them

// How far each point of a grid is along the camera's axis: 0 where there is none.
export function gridOf(sight, layer, fitted, farthest) {
  const { width, height } = sight;
  const step = Math.ceil(Math.sqrt((width * height) / MOST));
  const [columns, rows] = [Math.ceil(width / step), Math.ceil(height / step)];
  const away = new Float32Array(columns * rows);
  const distance = layer.metres || fitted ? (value) => metresOf(layer, value, fitted) : relativeDistance(layer, farthest);
  for (let row = 0, place = 0; row < rows; row++)
    for (let column = 0; column < columns; column++, place++) away[place] = distance(layer.values[(row * width + column) * step]);
  const [middle] = quantiles(away, [0.5]);
  let count = 0;
  for (let place = 0; place < away.length; place++) {
    if (!(away[place] > 0 && away[place] < FARTHEST * middle)) away[place] = 0;
    else count++;
  }
  return { width, height, step, columns, rows, away, middle, count };
}

// Without a scale, the nearest is at 1 and the farthest as far away as somebody likes.
function relativeDistance(layer, farthest) {
  const [low, high] = quantiles(nearness(layer, null), [0.002, 0.998]);
  return (value) => {
    const share = Math.min(1, Math.max(0, ((layer.inverse ? value : -value) - low) / (high - low || 1e-12)));
    return layer.inverse ? 1 / (1 / farthest + share * (1 - 1 / farthest)) : farthest + share * (1 - farthest);
  };
}

// Every so many rows and columns of a grid, and the last ones.
export function coarser(grid, stride) {
  if (stride === 1) return grid;
  const [columns, rows] = [grid.columns, grid.rows].map((count) => Math.ceil((count - 1) / stride) + 1);
  const away = new Float32Array(columns * rows);
  for (let row = 0, place = 0; row < rows; row++) {
    const first = Math.min(row * stride, grid.rows - 1) * grid.columns;
    for (let column = 0; column < columns; column++, place++) away[place] = grid.away[first + Math.min(column * stride, grid.columns - 1)];
  }
  return { ...grid, step: grid.step * stride, columns, rows, away };
}

// Numbers of points, three for each triangle, counterclockwise as the camera sees them. `cutting` is by which share neighbours may differ.
export function triangles({ columns, rows, away }, cutting) {
  const most = 1 + cutting * (COLUMNS / columns);
  const found = new Uint32Array(6 * (columns - 1) * (rows - 1));
  let count = 0;
  const isWhole = (a, b, c) => Math.min(a, b, c) > 0 && Math.max(a, b, c) <= most * Math.min(a, b, c);
  for (let row = 0; row < rows - 1; row++)
    for (let column = 0; column < columns - 1; column++) {
      const first = row * columns + column;
      const [right, below] = [first + 1, first + columns];
      const last = below + 1;
      if (isWhole(away[first], away[below], away[right])) {
        found[count++] = first;
        found[count++] = below;
        found[count++] = right;
      }
      if (isWhole(away[right], away[below], away[last])) {
        found[count++] = right;
        found[count++] = below;
        found[count++] = last;
      }
    }
  return found.subarray(0, count);
}

// Pixels of the whole picture, for a field of view across its longer side.
export function focalLength({ width, height }, degrees) {
  return Math.max(width, height) / 2 / Math.tan((degrees * Math.PI) / 360);
}

// Places in space and in the picture of some points of a grid: x right, y up, the camera looks along -z from the origin.
export function located({ width, height, step, columns, away }, focal, numbers) {
  const positions = new Float32Array(3 * numbers.length);
  const places = new Float32Array(2 * numbers.length);
  numbers.forEach((number, at) => {
    const across = (number % columns) * step + 0.5;
    const down = Math.floor(number / columns) * step + 0.5;
    positions[3 * at] = ((across - width / 2) / focal) * away[number];
    positions[3 * at + 1] = (-(down - height / 2) / focal) * away[number];
    positions[3 * at + 2] = -away[number];
    places[2 * at] = across / width;
    places[2 * at + 1] = down / height;
  });
  return { positions, places };
}

// The points that triangles use, and the triangles by the numbers of these.
export function usedBy(indices, count) {
  const renumbered = new Int32Array(count).fill(-1);
  const numbers = [];
  const found = indices.map((number) => {
    if (renumbered[number] < 0) renumbered[number] = numbers.push(number) - 1;
    return renumbered[number];
  });
  return { numbers: Uint32Array.from(numbers), indices: found };
}

export function pointsOf({ away }) {
  const numbers = [];
  away.forEach((value, number) => value > 0 && numbers.push(number));
  return Uint32Array.from(numbers);
}
