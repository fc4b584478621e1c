// Draws a grid of points, or the triangles between them, with WebGL 2: one program and three buffers, for which a library would be larger than the page.

import { triangles } from "./mesh.js";
import { FRAGMENT, VERTEX } from "./shaders.js";

export class Renderer {
  #gl;
  #uniforms;
  #indices = new Map(); // of triangles, by their stride
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
    const names = ["grid", "size", "focal", "dot", "matrix"];
    this.#uniforms = Object.fromEntries(names.map((name) => [name, gl.getUniformLocation(program, name)]));
    gl.bindBuffer(gl.ARRAY_BUFFER, gl.createBuffer());
    gl.enableVertexAttribArray(0);
    gl.vertexAttribPointer(0, 1, gl.FLOAT, false, 0, 0);
    gl.bindTexture(gl.TEXTURE_2D, gl.createTexture());
    gl.texParameteri(gl.TEXTURE_2D, gl.TEXTURE_WRAP_S, gl.CLAMP_TO_EDGE);
    gl.texParameteri(gl.TEXTURE_2D, gl.TEXTURE_WRAP_T, gl.CLAMP_TO_EDGE);
    gl.texParameteri(gl.TEXTURE_2D, gl.TEXTURE_MIN_FILTER, gl.LINEAR_MIPMAP_LINEAR);
    gl.enable(gl.DEPTH_TEST);
  }

  setGrid(grid) {
    this.#grid = grid;
    this.#gl.bufferData(this.#gl.ARRAY_BUFFER, grid.away, this.#gl.STATIC_DRAW);
    this.#forget();
  }

  setCutting(cutting) {
    this.#cutting = cutting;
    this.#forget();
  }

  #forget() {
    for (const { buffer } of this.#indices.values()) this.#gl.deleteBuffer(buffer);
    this.#indices.clear();
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
  #triangles(stride) {
    const gl = this.#gl;
    if (!this.#indices.has(stride)) {
      const indices = triangles(this.#grid, stride, this.#cutting);
      const buffer = gl.createBuffer();
      gl.bindBuffer(gl.ELEMENT_ARRAY_BUFFER, buffer);
      gl.bufferData(gl.ELEMENT_ARRAY_BUFFER, indices, gl.STATIC_DRAW);
      this.#indices.set(stride, { buffer, count: indices.length });
    }
    return this.#indices.get(stride);
  }

  countTriangles() {
    return this.#triangles(1).count / 3;
  }

  // Gives back how many milliseconds it took, which is known only when a pixel is read back.
  draw({ camera, focal, stride, arePoints }) {
    const gl = this.#gl;
    const { canvas } = gl;
    const { width, height, columns, step, away } = this.#grid;
    const began = performance.now();
    const { matrix, half } = camera.matrix({ across: width / 2 / focal, down: height / 2 / focal }, canvas.width / canvas.height);
    gl.viewport(0, 0, canvas.width, canvas.height);
    gl.clearColor(0, 0, 0, 0);
    gl.clear(gl.COLOR_BUFFER_BIT | gl.DEPTH_BUFFER_BIT);
    gl.uniform2i(this.#uniforms.grid, columns, step);
    gl.uniform2f(this.#uniforms.size, width, height);
    gl.uniform1f(this.#uniforms.focal, focal);
    gl.uniform1f(this.#uniforms.dot, (1.3 * step * canvas.height) / (2 * half * focal));
    gl.uniformMatrix4fv(this.#uniforms.matrix, false, matrix);
    if (arePoints) {
      gl.drawArrays(gl.POINTS, 0, away.length);
    } else {
      const { buffer, count } = this.#triangles(stride);
      gl.bindBuffer(gl.ELEMENT_ARRAY_BUFFER, buffer);
      gl.drawElements(gl.TRIANGLES, count, gl.UNSIGNED_INT, 0);
    }
    gl.readPixels(0, 0, 1, 1, gl.RGBA, gl.UNSIGNED_BYTE, new Uint8Array(4));
    return performance.now() - began;
  }
}
