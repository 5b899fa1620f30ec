/**
 * The tools of others accept the manifests and the Dockerfile. With a missing kubectl the
 * configuration of vitest leaves out this file.
 */
import { execFile } from "node:child_process";
import { cp, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { stringify } from "yaml";
import { type Manifest, objectOf, overlays, render } from "../deploy/manifests.ts";
import { readText, root } from "../docs/documents.ts";
import { installPython, pythonProbe } from "./python-tools.ts";
import { isInstalled } from "./toolchains.ts";

const execute = promisify(execFile);
const here = join(import.meta.dirname, "deployment");

/** Every folder that kubectl renders. */
const folders = ["base", "control-plane", ...overlays];
/** Sidecars came with 1.28, so the schemas of earlier versions do not know them. */
const sidecars: readonly string[] = ["overlays/sidecar"];
const others = folders.filter((folder) => !sidecars.includes(folder));

/** Modules with the types of the custom resources, by API version. */
const crdModules: Readonly<Record<string, string>> = {
  "networking.istio.io/v1": "@kubernetes-models/istio/networking.istio.io/v1",
  "security.istio.io/v1": "@kubernetes-models/istio/security.istio.io/v1",
  "monitoring.coreos.com/v1": "@kubernetes-models/prometheus-operator/monitoring.coreos.com/v1",
};
const isCustom = ({ apiVersion }: Manifest): boolean => Object.hasOwn(crdModules, apiVersion);

/** The result of a tool: whether it succeeded, and all that it printed. */
interface Verdict {
  readonly isValid: boolean;
  readonly output: string;
}

async function verdictOf(program: string, args: readonly string[], cwd: string): Promise<Verdict> {
  try {
    const { stdout, stderr } = await execute(program, args, { cwd });
    return { isValid: true, output: `${stdout}${stderr}` };
  } catch (error) {
    if (!(error instanceof Error && "stdout" in error && "stderr" in error)) throw error;
    return { isValid: false, output: `${String(error.stdout)}${String(error.stderr)}` };
  }
}

let folder = "";
let programs = "";
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "keyprotect-deployment-"));
});
afterAll(() => rm(folder, { recursive: true, force: true }));

/** Compiles the custom resources as values of their types, which finds unknown fields too. */
async function compile(manifests: readonly Manifest[]): Promise<Verdict> {
  const lines = manifests.filter(isCustom).map((manifest, at) => {
    const type = `import("${crdModules[manifest.apiVersion]}").I${manifest.kind}`;
    return `export const object${at}: ${type} = ${JSON.stringify(manifest)};\n`;
  });
  expect(lines).not.toEqual([]);
  const file = join(folder, "resources.ts");
  await writeFile(file, lines.join(""));
  const checks = ["--noEmit", "--strict", "--skipLibCheck", "--ignoreConfig", "--types", ""];
  const modules = ["--module", "nodenext", "--target", "es2022"];
  return verdictOf(join(root, "node_modules/.bin/tsc"), [...checks, ...modules, file], folder);
}

/** Validates the objects that Kubernetes itself defines, by the folder that they come from. */
async function validate(
  rendered: ReadonlyMap<string, readonly Manifest[]>,
  version: string,
): Promise<Verdict> {
  const files: string[] = [];
  for (const [from, manifests] of rendered) {
    const file = join(folder, `${from.replace("/", "-")}.yaml`);
    const own = manifests.filter((manifest) => !isCustom(manifest));
    // The validator reads YAML 1.1, where a plain `no` is a boolean.
    const texts = own.map((manifest) => stringify(manifest, { version: "1.1" }));
    await writeFile(file, texts.join("---\n"));
    files.push(file);
  }
  const args = ["--strict", "--kubernetes-version", version, ...files];
  return verdictOf(join(programs, "kubernetes-validate"), args, folder);
}

const lint = async (text: string): Promise<Verdict> => {
  const file = join(folder, "Dockerfile");
  await writeFile(file, text);
  return verdictOf(join(programs, "hadolint"), [file], folder);
};

describe("the custom resources of the manifests", () => {
  beforeAll(async () => {
    await cp(here, folder, { recursive: true });
    await execute("npm", ["ci", "--ignore-scripts", "--no-audit", "--no-fund"], { cwd: folder });
  }, 180_000);

  test.each(["overlays/mesh-istio", "overlays/monitoring"])(
    "the custom resources of %s have the fields that their types have",
    async (from) => {
      expect(await compile(render(from))).toEqual({ isValid: true, output: "" });
    },
    60_000,
  );

  test.each([
    { planted: "a wrong value", spec: { mtls: { mode: "STRICTER" } }, says: "STRICTER" },
    { planted: "a misspelled field", spec: { selectors: {} }, says: "selectors" },
  ])(
    "$planted of a custom resource is found",
    async ({ spec, says }) => {
      const manifests = render("overlays/mesh-istio");
      const object = objectOf(manifests, "PeerAuthentication", "keyprotect-gateway");
      Object.assign(object["spec"] ?? {}, spec);
      const { isValid, output } = await compile(manifests);
      expect(isValid).toBe(false);
      expect(output).toContain(says);
    },
    60_000,
  );
});

// left-out.ts says that these tests are left out, with the others that need Python.
if (isInstalled({ tests: "the tests of the manifests", probe: pythonProbe })) {
  beforeAll(async () => {
    programs = await installPython(join(folder, "venv"), join(here, "requirements.txt"));
  }, 180_000);

  describe("the objects of Kubernetes in the manifests", () => {
    test.each([
      { of: "every folder without a sidecar", from: others, version: "1.25.0" },
      { of: "the folder with a sidecar", from: sidecars, version: "1.28.0" },
      { of: "every folder", from: folders, version: "1.37.0" },
    ])(
      "the objects of $of are valid for Kubernetes $version",
      async ({ from, version }) => {
        const rendered = new Map(from.map((each) => [each, render(each)]));
        const { output, isValid } = await validate(rendered, version);
        const wrong = output.split("\n").filter((line) => line !== "" && !line.startsWith("INFO"));
        expect(wrong).toEqual([]);
        expect(isValid).toBe(true);
      },
      120_000,
    );

    test("a misspelled field of a Deployment is found", async () => {
      const manifests = render("overlays/example");
      const deployment = objectOf(manifests, "Deployment", "keyprotect-gateway");
      Object.assign(deployment["spec"] ?? {}, { revisionHistory: 3 });
      const { isValid, output } = await validate(new Map([["planted", manifests]]), "1.37.0");
      expect(isValid).toBe(false);
      expect(output).toContain("revisionHistory");
    }, 60_000);
  });

  describe("the Dockerfile", () => {
    test("hadolint has nothing to say about the Dockerfile", async () => {
      expect(await lint(readText("Dockerfile"))).toEqual({ isValid: true, output: "" });
    });

    test("hadolint finds a base image without a version", async () => {
      const { isValid, output } = await lint(
        readText("Dockerfile").replaceAll("node:24-slim", "node:latest"),
      );
      expect(isValid).toBe(false);
      expect(output).toContain("DL3007");
    });
  });
}
