import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, expect, test } from "vitest";
import { createSourceFrames } from "../../../../src/observability/logging/source-frames.ts";

const folder = mkdtempSync(join(tmpdir(), "gateway-frames-"));
afterAll(() => rmSync(folder, { recursive: true }));

/** The first character of the third compiled line comes from line 5, column 3 of the source. */
const map = { version: 3, sources: ["../../src/grpc/call.ts"], names: [], mappings: ";;AAIE" };
const compiled = join(folder, "main.js");
writeFileSync(`${compiled}.map`, JSON.stringify(map));
writeFileSync(join(folder, "broken.js.map"), "{");

test("the frames of an error and of its causes name the lines of the sources", () => {
  const withSources = createSourceFrames();
  expect(
    withSources({
      name: "Error",
      frames: [`at answer (file://${compiled}:3:7)`, `at file://${compiled}:3:1`],
      cause: { name: "TypeError", frames: [`at async file://${compiled}:3:9`] },
      errors: [{ name: "RangeError", frames: [`at new Call (file://${compiled}:3:2)`] }],
    }),
  ).toEqual({
    name: "Error",
    frames: ["at answer (src/grpc/call.ts:5:3)", "at src/grpc/call.ts:5:3"],
    cause: { name: "TypeError", frames: ["at async src/grpc/call.ts:5:3"] },
    errors: [{ name: "RangeError", frames: ["at new Call (src/grpc/call.ts:5:3)"] }],
  });
});

test.each([
  ["of a part of Node", "at emit (node:events:519:28)"],
  ["of a package", `at Pool.dispatch (file://${folder}/node_modules/undici/index.js:3:1)`],
  ["before the first position of the map", `at answer (file://${compiled}:1:1)`],
  ["of a file without a map", `at answer (file://${folder}/other.js:3:1)`],
  ["of a file with a damaged map", `at answer (file://${folder}/broken.js:3:1)`],
  ["without a position", "at Array.map (<anonymous>)"],
])("a frame %s stays as it is", (_, frame) => {
  expect(createSourceFrames()({ name: "Error", frames: [frame] })).toEqual({
    name: "Error",
    frames: [frame],
  });
});

test("a damaged map is read once, not for every error", () => {
  const withSources = createSourceFrames();
  const error = { name: "Error", frames: [`at answer (file://${folder}/later.js:3:1)`] };
  withSources(error);
  writeFileSync(join(folder, "later.js.map"), JSON.stringify(map));
  expect(withSources(error)).toEqual(error);
});

test.each(["a text", 7, null, undefined, { code: 1 }])(
  "a value that is no reduced error stays as it is: %j",
  (value) => {
    expect(createSourceFrames()(value)).toBe(value);
  },
);
