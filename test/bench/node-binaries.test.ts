import { expect, test } from "vitest";
import { measuredOn, nodeBinaries } from "../../bench/node-binaries.ts";
import { otherNodes } from "./other-node.ts";

test("without a path the bench measures on its own binary of node", () => {
  expect(nodeBinaries([])).toEqual([{ path: process.execPath, label: process.versions.node }]);
});

test("each binary of node is named by its version, and two builds of one version differ", () => {
  using nodes = otherNodes();
  const old = nodes.write("old", "v22.1.0");
  const next = nodes.write("next", "v24.2.1");
  const rebuilt = nodes.write("rebuilt", "v24.2.1");
  const binaries = nodeBinaries([old, next, rebuilt]);
  expect(binaries).toEqual([
    { path: old, label: "22.1.0" },
    { path: next, label: "24.2.1" },
    { path: rebuilt, label: "24.2.1 (2)" },
  ]);
  expect(measuredOn(binaries)).toBe("measured on Node 22.1.0, 24.2.1, 24.2.1 (2)");
});

test("a path without a binary of node is refused with a text that names the path", () => {
  using nodes = otherNodes();
  expect(() => nodeBinaries([nodes.absent])).toThrow(`"${nodes.absent}" does not run`);
  const other = nodes.write("no-node", "other 1.2.3");
  expect(() => nodeBinaries([other])).toThrow(`"${other}" is none`);
});
