// Somebody who looks at the scene, and goes around a point in its middle. Matrices are given column by column, as WebGL takes them.

const STEEPEST = 1.5;
const CLOSEST = 0.05; // times the middle distance
const MARGIN = 1.04;

export class Camera {
  // At first where the picture was taken.
  constructor(middle) {
    this.middle = middle;
    this.home();
  }

  home() {
    Object.assign(this, { yaw: 0, pitch: 0, distance: this.middle, target: [0, 0, -this.middle] });
  }

  turn(across, down) {
    this.yaw -= across;
    this.pitch = Math.min(STEEPEST, Math.max(-STEEPEST, this.pitch + down));
  }

  approach(factor) {
    this.distance = Math.min(20 * this.middle, Math.max(CLOSEST * this.middle, this.distance * factor));
  }

  // By shares of what is seen.
  shift(across, down) {
    const [right, up] = this.#axes();
    this.target = this.target.map((value, axis) => value - this.distance * (across * right[axis] - down * up[axis]));
  }

  #axes() {
    const [sine, cosine] = [Math.sin(this.yaw), Math.cos(this.yaw)];
    const [rise, level] = [Math.sin(this.pitch), Math.cos(this.pitch)];
    return [
      [cosine, 0, -sine],
      [-sine * rise, level, -cosine * rise],
      [sine * level, rise, cosine * level],
    ];
  }

  // `halves` are the tangents of half the angles that the picture spans, which just fit on the screen at first.
  matrix(halves, aspect) {
    const half = MARGIN * Math.max(halves.down, halves.across / aspect);
    const [near, far] = [0.01 * this.middle, 200 * this.middle];
    const axes = this.#axes();
    const eye = this.target.map((value, axis) => value + this.distance * axes[2][axis]);
    const view = axes.map((axis) => [...axis, -(axis[0] * eye[0] + axis[1] * eye[1] + axis[2] * eye[2])]);
    const rows = [
      view[0].map((value) => value / (half * aspect)),
      view[1].map((value) => value / half),
      view[2].map((value, column) => (value * (far + near)) / (near - far) + (column === 3 ? (2 * far * near) / (near - far) : 0)),
      view[2].map((value) => -value),
    ];
    return { half, matrix: Float32Array.from({ length: 16 }, (_, place) => rows[place % 4][place >> 2]) };
  }
}
