// Coloured points, and the triangles between them where there are any, as MeshLab and Blender open them.

export function ply({ positions, places, indices }, { data, width, height }, comments) {
  const count = positions.length / 3;
  const faces = indices ? indices.length / 3 : 0;
  const header = [
    ...["ply", "format binary_little_endian 1.0", ...comments.map((comment) => `comment ${comment}`), `element vertex ${count}`],
    ...["x", "y", "z"].map((axis) => `property float ${axis}`),
    ...["red", "green", "blue"].map((colour) => `property uchar ${colour}`),
    ...(indices ? [`element face ${faces}`, "property list uchar int vertex_indices"] : []),
    ...["end_header", ""],
  ].join("\n");
  const body = new DataView(new ArrayBuffer(15 * count + 13 * faces));
  let at = 0;
  for (let point = 0; point < count; point++) {
    for (let axis = 0; axis < 3; axis++, at += 4) body.setFloat32(at, positions[3 * point + axis], true);
    const column = Math.min(width - 1, Math.floor(places[2 * point] * width));
    const row = Math.min(height - 1, Math.floor(places[2 * point + 1] * height));
    for (let part = 0; part < 3; part++) body.setUint8(at++, data[4 * (row * width + column) + part]);
  }
  for (let face = 0; face < faces; face++) {
    body.setUint8(at++, 3);
    for (let corner = 0; corner < 3; corner++, at += 4) body.setInt32(at, indices[3 * face + corner], true);
  }
  return new Blob([header, body], { type: "application/octet-stream" });
}
