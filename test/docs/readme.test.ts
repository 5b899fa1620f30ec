/** The README's commands are run, and its tables and lists are compared with the code. */
import { execFile } from "node:child_process";
import { promisify } from "node:util";
import { beforeAll, describe, expect, test } from "vitest";
import { generatedFiles, withGeneratedSections } from "../../scripts/generated-sections.ts";
import { settingList } from "../../src/config/schema/setting-list.ts";
import { metricDefinitions } from "../../src/observability/metrics/definitions.ts";
import { rpcTable, type RetryClass } from "../../src/rpc-table.ts";
import { contractComments } from "./contract-comments.ts";
import { fencesOf, guideFiles, readText, root, rowsOfTables, statusesIn } from "./documents.ts";

const readme = readText("README.md");
const commands = fencesOf(readme)
  .filter(({ label }) => label === "sh test")
  .map(({ body }) => body.trim());

// The block with `npm ci` is not run: it would delete the packages while the tests use them.
test("the README shows how to install, and marks three commands to be run by this test", () => {
  expect(fencesOf(readme).map(({ body }) => body)).toContain("npm ci\n");
  expect(commands).toHaveLength(3);
  expect(commands[0]).toBe("npm run demo");
});

// Replaces ports, times and random IDs, which differ from run to run.
const shapeOf = (line: string): string =>
  line
    .replaceAll(/[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}/g, "<id>")
    .replaceAll(/:\d{4,5}\b/g, ":<port>")
    .replaceAll(/ +\d+ms/g, " <time>")
    .replaceAll(/[0-9a-f]{16}…/g, "<bytes>…");

describe("the commands of the README marked `sh test`", () => {
  const outputs = new Map<string, string>();
  beforeAll(async () => {
    for (const command of commands) {
      const { stdout } = await promisify(execFile)("sh", ["-e", "-c", command], { cwd: root });
      outputs.set(command, stdout);
    }
  }, 180_000);

  test("every command of the README marked `sh test` succeeds", () => {
    expect([...outputs.keys()]).toEqual(commands);
  });

  test("the configuration that --check-config prints shows no secret", () => {
    const [, check = ""] = commands;
    expect(outputs.get(check)).toContain('apiKey: "[redacted]"');
    expect(outputs.get(check)).not.toContain("not-a-real-one");
  });

  test("the demo prints what the README shows of it, in this order", () => {
    const shown = fencesOf(readme).find(({ label }) => label === "text")?.body ?? "";
    const parts = shown
      .split("\n…\n")
      .map((part) => part.trim().split("\n").map(shapeOf).join("\n"));
    expect(parts.length).toBeGreaterThan(1);
    const printed = (outputs.get("npm run demo") ?? "").split("\n").map(shapeOf).join("\n");
    let from = 0;
    for (const part of parts) {
      const at = printed.indexOf(part, from);
      expect(at, part).toBeGreaterThanOrEqual(from);
      from = at + part.length;
    }
  });

  const demoLines = (): readonly string[] => (outputs.get("npm run demo") ?? "").split("\n");
  const calls = (): readonly (readonly string[])[] =>
    demoLines().flatMap((line) => {
      const [, code, rpc] = /^([A-Z_]+) +([A-Z]\w+) +\d+ms [0-9a-f-]{36}$/.exec(line) ?? [];
      return code === undefined || rpc === undefined ? [] : [[code, rpc]];
    });

  test("the demo shows the life of a key, from its creation to its restoration", () => {
    expect(calls().slice(0, 16)).toEqual([
      ["OK", "CreateKeyRing"],
      ["OK", "CreateKey"],
      ["OK", "GetKeyPolicies"],
      ["OK", "WrapKey"],
      ["OK", "UnwrapKey"],
      ["OK", "RotateKey"],
      ["OK", "RewrapKey"],
      ["OK", "DisableKey"],
      ["FAILED_PRECONDITION", "UnwrapKey"],
      ["FAILED_PRECONDITION", "EnableKey"],
      ["OK", "EnableKey"],
      ["OK", "ListRegistrations"],
      ["FAILED_PRECONDITION", "DeleteKey"],
      ["OK", "DeleteKey"],
      ["FAILED_PRECONDITION", "UnwrapKey"],
      ["OK", "RestoreKey"],
    ]);
  });

  test("the demo explains each term of Key Protect that it uses", () => {
    const text = demoLines().join(" ");
    for (const explanation of [
      /A root key encrypts other keys/,
      /A key ring is/,
      /An alias is/,
      /encrypt \("wrap"\)/,
      /decrypted \("unwrapped"\)/,
      /Rotation gives a root key/,
      /Rewrapping brings it to/,
      /A disabled key/,
      /A registration says/,
      /a deleted key can be restored/,
      /A locker .* holds a public key/,
      /This filter selects/,
    ]) {
      expect(text).toMatch(explanation);
    }
  });

  test("the demo fits into 80 columns and 130 lines, and its columns have a heading", () => {
    expect(demoLines().filter((line) => line.length > 80)).toEqual([]);
    expect(demoLines().length).toBeLessThanOrEqual(130);
    expect(demoLines()).toContain("status              RPC                time correlation ID");
  });
});

test.each(generatedFiles)("the generated tables of %s are what the code gives", (file) => {
  const text = readText(file);
  expect(text).toMatch(/^<!-- generated: [a-z-]+ -->$/m);
  expect(withGeneratedSections(text)).toBe(text);
});

test("a generated section with an unknown name is rejected", () => {
  expect(() => withGeneratedSections("<!-- generated: nothing -->\n<!-- end -->")).toThrow(
    "nothing",
  );
});

describe("the tables of RPCs in the README", () => {
  const rows = rowsOfTables(readme, "RPC").map((cells) =>
    cells.map((cell) => cell.replaceAll("`", "").replace(/^\[(\w+)\].*/, "$1")),
  );
  const repeats: Readonly<Record<RetryClass, string>> = {
    safe: "yes",
    conditional: "yes, second answer ",
    unsafe: "no",
  };

  test("the README's tables have every RPC once, in the order of rpc-table.ts", () => {
    expect(rows.map(([name]) => name)).toEqual(rpcTable.map(({ method }) => method));
  });

  test.each(rpcTable)(
    "the README's tables say whether $method may be retried",
    ({ method, retry, secondAnswer = "" }) => {
      expect(rows.find(([name]) => name === method)?.[3]).toBe(repeats[retry] + secondAnswer);
    },
  );

  const everyCall = new Set(
    statusesIn(/Besides the statuses below(.*?)\n\n/s.exec(readme)?.[1] ?? ""),
  );
  test.each(rpcTable)(
    "the README's tables name the statuses of $method that its comment names",
    ({ method }) => {
      const comment = contractComments.methods.get(method) ?? "";
      const own = /Besides what every RPC may answer(.*?)Upstream:/.exec(comment)?.[1] ?? "";
      const expected = statusesIn(own).filter((status) => !everyCall.has(status));
      const shown = rows.find(([name]) => name === method)?.[4] ?? "";
      expect(statusesIn(shown).toSorted()).toEqual(expected.toSorted());
    },
  );
});

test("every environment variable that the documents name exists", () => {
  const known = new Set([...settingList.flatMap(({ env }) => env ?? []), "GATEWAY_CONFIG"]);
  for (const file of [
    "README.md",
    "SECURITY.md",
    "docs/operations.md",
    "docs/configuration.md",
    "docs/deployment.md",
    ...guideFiles,
  ]) {
    const spoken = readText(file).match(/\b(?:GATEWAY|KP|IAM|IBMCLOUD)_[A-Z][A-Z_]*[A-Z]\b/g) ?? [];
    const unknown = spoken.filter(
      (name) => !known.has(name) && name !== "IAM_UNAVAILABLE" && name !== "GATEWAY_INTERNAL",
    );
    expect(unknown, file).toEqual([]);
  }
});

test("every metric that the documents name exists", () => {
  const known = new Set<string>(
    Object.values(metricDefinitions).flatMap(({ name, type }) =>
      type === "histogram" ? [name, `${name}_bucket`, `${name}_sum`, `${name}_count`] : [name],
    ),
  );
  for (const file of ["README.md", "docs/metrics.md", "docs/operations.md", ...guideFiles]) {
    const spoken = readText(file).match(/\b(?:grpc_server|keyprotect_gateway)_[a-z_]+\b/g) ?? [];
    expect(
      spoken.filter((name) => !known.has(name)),
      file,
    ).toEqual([]);
  }
});
