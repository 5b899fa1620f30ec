/**
 * IBM's SDK for Python, unpatched, against the emulator: every operation that the SDK has. The SDK
 * comes from PyPI, so these tests belong to the thorough suite.
 */
import { execFile } from "node:child_process";
import { readFileSync, readdirSync } from "node:fs";
import { join } from "node:path";
import { promisify } from "node:util";
import { beforeAll, describe, expect, test } from "vitest";
import { z } from "zod";
import { pythonMethodOf, vendorOperations } from "../../scripts/docs/vendor-operations.ts";
import { createCertificateAuthority } from "../support/certificates.ts";
import { startEmulator } from "../support/start-emulator.ts";
import { buildClient, testedVendorSdks } from "./languages.ts";

const execute = promisify(execFile);
const checkedMethods = vendorOperations.map(pythonMethodOf);

/** A line of the program's output. */
const checkSchema = z.strictObject({
  method: z.string(),
  operations: z.array(z.string()),
  error: z.string().optional(),
});
type Check = z.infer<typeof checkSchema>;

/** Runs the checks of all methods that the SDK has. */
async function runChecks(library: string): Promise<readonly Check[]> {
  await using built = await buildClient(library);
  await using emulator = await startEmulator();
  const [program, ...args] = built.command;
  const { cert } = createCertificateAuthority().issue();
  const settings = [emulator.url, emulator.instanceId, emulator.apiKey, cert];
  const { stdout } = await execute(program, [...args, ...settings], { maxBuffer: 16 << 20 });
  return stdout
    .trim()
    .split("\n")
    .map((line) => checkSchema.parse(JSON.parse(line)));
}

test("the program for IBM's SDK for Python has one check for each of the 46 operations", () => {
  const folder = join(import.meta.dirname, "vendor-python");
  const written = readdirSync(folder)
    .filter((name) => name.endsWith("_checks.py"))
    .flatMap((name) => [
      ...readFileSync(join(folder, name), "utf8").matchAll(/^def (\w+)\(kp: Service\) -> None:/gm),
    ])
    .map(([, method]) => method);
  expect(checkedMethods).toHaveLength(46);
  expect(new Set(written)).toEqual(new Set(checkedMethods));
  expect(written).toHaveLength(46);
});

describe.each(testedVendorSdks)("%s", (library) => {
  let checks: readonly Check[];
  beforeAll(async () => {
    checks = await runChecks(library);
  }, 600_000);

  test("IBM's SDK for Python has the 46 operations and no other", () => {
    expect(checks.map(({ method }) => method).toSorted()).toEqual(checkedMethods.toSorted());
  });

  test.each(vendorOperations)("IBM's SDK for Python performs %s against the emulator", (name) => {
    const check = checks.find(({ method }) => method === pythonMethodOf(name));
    expect(check?.error).toBeUndefined();
    // The emulator names an action by itself, even in its older form.
    expect(check?.operations).toContain(name === "actionOnKey" ? "wrapKey" : name);
  });
});
