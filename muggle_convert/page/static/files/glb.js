// A mesh in its picture, as binary glTF: https://registry.khronos.org/glTF/specs/2.0/glTF-2.0.html

const [FLOAT, UNSIGNED, ARRAY, ELEMENTS] = [5126, 5125, 34962, 34963]; // how the specification numbers them

// `picture` is the bytes of a JPEG; `view` says what the camera saw: width and height in pixels, and its focal length.
export function glb({ positions, places, indices }, picture, view, unit) {
  const parts = [positions, places, indices, picture];
  const views = [];
  let length = 0;
  for (const part of parts) {
    views.push({ buffer: 0, byteOffset: length, byteLength: part.byteLength });
    length += part.byteLength + (-part.byteLength & 3);
  }
  views[0].target = views[1].target = ARRAY;
  views[2].target = ELEMENTS;
  const count = positions.length / 3;
  const document = {
    asset: { version: "2.0", generator: "muggle-convert", extras: { unit } },
    extensionsUsed: ["KHR_materials_unlit"],
    scene: 0,
    scenes: [{ nodes: [0, 1] }],
    nodes: [{ mesh: 0, name: "picture" }, { camera: 0, name: "camera" }],
    cameras: [{ type: "perspective", perspective: { yfov: 2 * Math.atan(view.height / 2 / view.focal), aspectRatio: view.width / view.height, znear: 0.01 } }],
    meshes: [{ primitives: [{ attributes: { POSITION: 0, TEXCOORD_0: 1 }, indices: 2, material: 0 }] }],
    materials: [
      {
        doubleSided: true,
        pbrMetallicRoughness: { baseColorTexture: { index: 0 }, metallicFactor: 0, roughnessFactor: 1 },
        extensions: { KHR_materials_unlit: {} },
      },
    ],
    textures: [{ source: 0, sampler: 0 }],
    samplers: [{ wrapS: 33071, wrapT: 33071 }],
    images: [{ bufferView: 3, mimeType: "image/jpeg" }],
    accessors: [
      { bufferView: 0, componentType: FLOAT, count, type: "VEC3", ...bounds(positions) },
      { bufferView: 1, componentType: FLOAT, count, type: "VEC2" },
      { bufferView: 2, componentType: UNSIGNED, count: indices.length, type: "SCALAR" },
    ],
    bufferViews: views,
    buffers: [{ byteLength: length }],
  };
  const text = new TextEncoder().encode(JSON.stringify(document));
  const filled = [text, new Uint8Array(-text.length & 3).fill(32)];
  const chunks = parts.flatMap((part) => [part, new Uint8Array(-part.byteLength & 3)]);
  const textLength = text.length + (-text.length & 3);
  const head = new Uint32Array([0x46546c67, 2, 12 + 8 + textLength + 8 + length, textLength, 0x4e4f534a]);
  return new Blob([head, ...filled, new Uint32Array([length, 0x004e4942]), ...chunks], { type: "model/gltf-binary" });
}

function bounds(positions) {
  const [min, max] = [[Infinity, Infinity, Infinity], [-Infinity, -Infinity, -Infinity]];
  positions.forEach((value, place) => {
    min[place % 3] = Math.min(min[place % 3], value);
    max[place % 3] = Math.max(max[place % 3], value);
  });
  return { min, max };
}
