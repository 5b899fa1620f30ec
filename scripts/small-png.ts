/** Writes pictures of few colours as small PNG files (PNG 1.2, colour type 3). */
import { crc32, deflateSync } from "node:zlib";

/** Pixels as red, green, blue and alpha, row by row. Alpha is ignored. */
export interface Pixels {
  readonly width: number;
  readonly height: number;
  readonly data: Uint8Array;
}

const mostColours = 256;

function chunk(type: string, content: Uint8Array): Buffer {
  const body = Buffer.concat([Buffer.from(type, "latin1"), content]);
  const head = Buffer.alloc(4);
  head.writeUInt32BE(content.length);
  const tail = Buffer.alloc(4);
  tail.writeUInt32BE(crc32(body));
  return Buffer.concat([head, body, tail]);
}

/** The colour of a pixel as one number. */
const colourAt = (data: Uint8Array, at: number): number =>
  ((data[at] ?? 0) << 16) | ((data[at + 1] ?? 0) << 8) | (data[at + 2] ?? 0);

const distance = (a: number, b: number): number => {
  const [red, green, blue] = [16, 8, 0].map(
    (shift) => ((a >> shift) & 0xff) - ((b >> shift) & 0xff),
  );
  return 3 * (red ?? 0) ** 2 + 6 * (green ?? 0) ** 2 + (blue ?? 0) ** 2;
};

/** The most frequent exact colours among colours that are alike. */
function paletteOf({ data }: Pixels): number[] {
  const counts = new Map<number, number>();
  for (let at = 0; at < data.length; at += 4) {
    const colour = colourAt(data, at);
    counts.set(colour, (counts.get(colour) ?? 0) + 1);
  }
  const palette: number[] = [];
  const byCount = [...counts].toSorted(([, a], [, b]) => b - a).map(([colour]) => colour);
  // Colours that are nearly equal to a chosen one wait until the others are placed.
  for (const least of [180, 60, 0]) {
    for (const colour of byCount.slice(0, 6_000)) {
      if (palette.length === mostColours) return palette;
      if (palette.every((known) => distance(known, colour) > least)) palette.push(colour);
    }
  }
  return palette;
}

/** Encodes a picture with at most 256 colours. Other colours become the nearest of them. */
export function encodeSmallPng(pixels: Pixels): Buffer {
  const { width, height, data } = pixels;
  const palette = paletteOf(pixels);
  const known = new Map(palette.map((colour, at) => [colour, at]));
  const placeOf = (colour: number): number => {
    const place = known.get(colour);
    if (place !== undefined) return place;
    let nearest = 0;
    for (const [at, candidate] of palette.entries()) {
      if (distance(candidate, colour) < distance(palette[nearest] ?? 0, colour)) nearest = at;
    }
    known.set(colour, nearest);
    return nearest;
  };
  const rows = Buffer.alloc((width + 1) * height);
  for (let y = 0; y < height; y += 1) {
    for (let x = 0; x < width; x += 1) {
      rows[y * (width + 1) + 1 + x] = placeOf(colourAt(data, (y * width + x) * 4));
    }
  }
  const header = Buffer.alloc(13);
  header.writeUInt32BE(width, 0);
  header.writeUInt32BE(height, 4);
  // 8 bits, a palette, no interlacing.
  header.set([8, 3, 0, 0, 0], 8);
  const colours = palette.flatMap((colour) => [16, 8, 0].map((shift) => (colour >> shift) & 0xff));
  return Buffer.concat([
    Buffer.from([0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a]),
    chunk("IHDR", header),
    chunk("PLTE", Uint8Array.from(colours)),
    chunk("IDAT", deflateSync(rows, { level: 9, memLevel: 9 })),
    chunk("IEND", new Uint8Array()),
  ]);
}
