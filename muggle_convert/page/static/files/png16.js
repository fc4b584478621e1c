// A prediction as 16-bit grey, with the same text as `--format png16` writes: prediction = offset + step * number.

const SIGNATURE = [0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a];
const LARGEST = 65535;

export async function png16(values, width, height, { unit, offset, step }) {
  const rows = new Uint8Array(height * (1 + 2 * width));
  for (let y = 0, at = 0; y < height; y++) {
    at++; // no filter
    for (let x = 0; x < width; x++) {
      const number = Math.round((values[y * width + x] - offset) / step);
      const kept = number > 0 ? Math.min(LARGEST, number) : 0; // what is no number becomes zero
      rows[at++] = kept >> 8;
      rows[at++] = kept & 255;
    }
  }
  const deflated = new Blob([rows]).stream().pipeThrough(new CompressionStream("deflate"));
  const header = new DataView(new ArrayBuffer(13));
  header.setUint32(0, width);
  header.setUint32(4, height);
  header.setUint8(8, 16);
  const texts = { unit, offset: String(offset), step: String(step) };
  return new Blob(
    [
      new Uint8Array(SIGNATURE),
      ...chunk("IHDR", new Uint8Array(header.buffer)),
      ...Object.entries(texts).flatMap(([key, value]) => chunk("tEXt", latin(`${key}\0${value}`))),
      ...chunk("IDAT", new Uint8Array(await new Response(deflated).arrayBuffer())),
      ...chunk("IEND", new Uint8Array()),
    ],
    { type: "image/png" },
  );
}

function latin(text) {
  return Uint8Array.from(text, (letter) => letter.charCodeAt(0));
}

function chunk(kind, data) {
  const frame = new DataView(new ArrayBuffer(8));
  frame.setUint32(0, data.length);
  latin(kind).forEach((letter, place) => frame.setUint8(4 + place, letter));
  const sum = new DataView(new ArrayBuffer(4));
  sum.setUint32(0, checksum(data, checksum(latin(kind), 0)));
  return [frame.buffer, data, sum.buffer];
}

const TABLE = Uint32Array.from({ length: 256 }, (_, byte) => {
  for (let bit = 0; bit < 8; bit++) byte = byte & 1 ? 0xedb88320 ^ (byte >>> 1) : byte >>> 1;
  return byte;
});

// CRC-32.
function checksum(data, before) {
  let sum = ~before;
  for (const byte of data) sum = TABLE[(sum ^ byte) & 255] ^ (sum >>> 8);
  return ~sum >>> 0;
}
