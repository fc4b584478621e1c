// What the graphics card does. A point's place in the grid is its number, so that depth is all that is stored for it.

export const VERTEX = `#version 300 es
uniform float columns;
uniform float step; // pixels between them
uniform vec2 last; // pixel that has a point
uniform vec2 size; // pixels of the picture
uniform float focal; // in the same
uniform float dot; // pixels of the screen that a pixel of the picture takes at its own distance
uniform mat4 matrix;
in float away;
out vec2 place;

void main() {
  float number = float(gl_VertexID); // whole numbers are divided slowly
  float row = floor((number + 0.5) / columns);
  vec2 pixel = min(step * vec2(number - row * columns, row), last) + 0.5;
  place = pixel / size;
  vec2 ray = (pixel - size / 2.0) / focal;
  gl_Position = matrix * vec4(away * vec3(ray.x, -ray.y, -1.0), 1.0);
  gl_PointSize = clamp(dot * away / gl_Position.w, 1.0, 48.0);
  if (away == 0.0) gl_Position = vec4(2.0, 2.0, 2.0, 1.0); // beyond what is drawn
}`;

export const FRAGMENT = `#version 300 es
precision highp float;
uniform sampler2D dress;
in vec2 place;
out vec4 colour;

void main() {
  colour = vec4(texture(dress, place).rgb, 1.0);
}`;
