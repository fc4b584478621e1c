// Draws a grid of points, or the triangles between them, with WebGL 2: one program and three buffers, for which a library would be larger than the page.

import { coarser, triangles } from "./mesh.js";
import { FRAGMENT, VERTEX } from "./shaders.js";

export class Renderer {
  #gl;
  #uniforms;
  #scenes = new Map(); // points, and triangles between them, by the stride over the grid
  #grid = null;
  #cutting = 0;

  constructor(canvas) {
    const gl = canvas.getContext("webgl2", { antialias: false, powerPreference: "high-performance" });
    if (!gl) throw new Error("This browser has no WebGL 2, which the view in space needs; turn on hardware acceleration, or use another browser.");
    this.#gl = gl;
    const program = gl.createProgram();
    for (const [kind, text] of [
      [gl.VERTEX_SHADER, VERTEX],
      [gl.FRAGMENT_SHADER, FRAGMENT],
    ]) {
      const shader = gl.createShader(kind);
      gl.shaderSource(shader, text);
      gl.compileShader(shader);
      gl.attachShader(program, shader);
    }
    gl.bindAttribLocation(program, 0, "away");
    gl.linkProgram(program);
    if (!gl.getProgramParameter(program, gl.LINK_STATUS)) throw new Error(`The view in space cannot be drawn here: ${gl.getProgramInfoLog(program)}`);
    gl.useProgram(program);
    const names = ["columns", "step", "last", "size", "focal", "dot", "matrix"];
    this.#uniforms = Object.fromEntries(names.map((name) => [name, gl.getUniformLocation(program, name)]));
    gl.enableVertexAttribArray(0);
    gl.bindTexture(gl.TEXTURE_2D, gl.createTexture());
    gl.texParameteri(gl.TEXTURE_2D, gl.TEXTURE_WRAP_S, gl.CLAMP_TO_EDGE);
    gl.texParameteri(gl.TEXTURE_2D, gl.TEXTURE_WRAP_T, gl.CLAMP_TO_EDGE);
    gl.texParameteri(gl.TEXTURE_2D, gl.TEXTURE_MIN_FILTER, gl.LINEAR_MIPMAP_LINEAR);
    gl.enable(gl.DEPTH_TEST);
  }

  setGrid(grid) {
    this.#grid = grid;
    this.#forget();
  }

  setCutting(cutting) {
    this.#cutting = cutting;
    this.#forget();
  }

  #forget() {
    for (const { points, faces } of this.#scenes.values()) for (const buffer of [points, faces]) this.#gl.deleteBuffer(buffer);
    this.#scenes.clear();
  }

  // A picture or a canvas, made smaller where the card cannot hold it.
  setDress(source) {
    const gl = this.#gl;
    const scale = Math.min(1, gl.getParameter(gl.MAX_TEXTURE_SIZE) / Math.max(source.width, source.height));
    let held = source;
    if (scale < 1) {
      held = Object.assign(document.createElement("canvas"), { width: Math.floor(scale * source.width), height: Math.floor(scale * source.height) });
      held.getContext("2d").drawImage(source, 0, 0, held.width, held.height);
    }
    gl.texImage2D(gl.TEXTURE_2D, 0, gl.RGBA, gl.RGBA, gl.UNSIGNED_BYTE, held);
    gl.generateMipmap(gl.TEXTURE_2D);
  }

  // Every so many rows and columns of the grid.
  #scene(stride) {
    const gl = this.#gl;
    if (!this.#scenes.has(stride)) {
      const grid = coarser(this.#grid, stride);
      this.#scenes.set(stride, { grid, points: this.#filled(gl.ARRAY_BUFFER, grid.away), faces: null, count: 0 });
    }
    return this.#scenes.get(stride);
  }

  // The same with triangles.
  #surface(stride) {
    const scene = this.#scene(stride);
    if (!scene.faces) {
      const indices = triangles(scene.grid, this.#cutting);
      Object.assign(scene, { faces: this.#filled(this.#gl.ELEMENT_ARRAY_BUFFER, indices), count: indices.length });
    }
    return scene;
  }

  #filled(kind, numbers) {
    const buffer = this.#gl.createBuffer();
    this.#gl.bindBuffer(kind, buffer);
    this.#gl.bufferData(kind, numbers, this.#gl.STATIC_DRAW);
    return buffer;
  }

  countTriangles() {
    return this.#surface(1).count / 3;
  }

  // Gives back how many milliseconds it took, which is known only when a pixel is read back.
  draw({ camera, focal, stride, arePoints }) {
    const gl = this.#gl;
    const { canvas } = gl;
    const { width, height } = this.#grid;
    const { grid, points, faces, count } = arePoints ? this.#scene(stride) : this.#surface(stride);
    const began = performance.now();
    const { matrix, half } = camera.matrix({ across: width / 2 / focal, down: height / 2 / focal }, canvas.width / canvas.height);
    gl.viewport(0, 0, canvas.width, canvas.height);
    gl.clearColor(0, 0, 0, 0);
    gl.clear(gl.COLOR_BUFFER_BIT | gl.DEPTH_BUFFER_BIT);
    gl.bindBuffer(gl.ARRAY_BUFFER, points);
    gl.vertexAttribPointer(0, 1, gl.FLOAT, false, 0, 0);
    gl.uniform1f(this.#uniforms.columns, grid.columns);
    gl.uniform1f(this.#uniforms.step, grid.step);
    gl.uniform2f(this.#uniforms.last, (this.#grid.columns - 1) * this.#grid.step, (this.#grid.rows - 1) * this.#grid.step);
    gl.uniform2f(this.#uniforms.size, width, height);
    gl.uniform1f(this.#uniforms.focal, focal);
    gl.uniform1f(this.#uniforms.dot, (1.3 * grid.step * canvas.height) / (2 * half * focal));
    gl.uniformMatrix4fv(this.#uniforms.matrix, false, matrix);
    if (arePoints) {
      gl.drawArrays(gl.POINTS, 0, grid.away.length);
    } else {
      gl.bindBuffer(gl.ELEMENT_ARRAY_BUFFER, faces);
      gl.drawElements(gl.TRIANGLES, count, gl.UNSIGNED_INT, 0);
    }
    gl.readPixels(0, 0, 1, 1, gl.RGBA, gl.UNSIGNED_BYTE, new Uint8Array(4));
    return performance.now() - began;
  }
}
