/**
 * Tests of the borders between rooms and of the repository's rules. They show that the sources keep
 * them and that lint reports each violation.
 */
import { spawnSync } from "node:child_process";
import {
  copyFileSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join, relative } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { services } from "../src/grpc/call/services.ts";
import { rpcTable } from "../src/rpc-table.ts";
import { createInstancePoliciesHandlers } from "../src/service/instance-policies/handlers.ts";
import { createKeyActionsHandlers } from "../src/service/key-actions/handlers.ts";
import { createKeysHandlers } from "../src/service/keys/handlers.ts";
import { createLockersHandlers } from "../src/service/lockers/handlers.ts";
import { createPoliciesHandlers } from "../src/service/policies/handlers.ts";
import type { ServiceDeps } from "../src/service/service-deps.ts";

const root = join(import.meta.dirname, "..");

function filesBelow(folder: string): string[] {
  if (!existsSync(join(root, folder))) return [];
  return readdirSync(join(root, folder), { withFileTypes: true }).flatMap((entry) => {
    const path = join(folder, entry.name);
    return entry.isDirectory() ? filesBelow(path) : [path];
  });
}

const isOurs = (path: string): boolean =>
  /\.(?:ts|json|md|proto|py|ya?ml)$/.test(path) && !path.startsWith(join("src", "gen"));
const sources = filesBelow("src").filter(isOurs);
const written = ["src", "test", "scripts", "examples", "bench"].flatMap(filesBelow).filter(isOurs);
const read = (path: string): string => readFileSync(join(root, path), "utf8");

/** Puts a pattern together, so that this file does not contain what it looks for. */
const word = (...parts: string[]): string => parts.join("");

const unused = (): never => {
  throw new Error("no call is made");
};

/** Name of a file that crosses a forbidden border (`breach`) or an allowed one (`passage`). */
const fileOf = (kind: "breach" | "passage", room: string, at: number): string =>
  `src/${room}/${kind}-${at}.ts`;

/** Places of a pattern in files, as `path:line`. */
const places = (files: readonly string[], pattern: RegExp): string[] =>
  files.flatMap((path) =>
    read(path)
      .split("\n")
      .flatMap((line, at) => (pattern.test(line) ? [`${path}:${at + 1}`] : [])),
  );

// The borders are repeated here on purpose. A list derived from the configuration would not notice
// a border that is removed from it.
const forbidden: Readonly<Record<string, readonly string[]>> = {
  grpc: [
    "../service/keys/handlers.ts",
    "../keyprotect/client.ts",
    "../upstream/transport/pool.ts",
    "../upstream/error.ts",
    "../iam/token.ts",
    "../emulator/emulator.ts",
    "../redis/connect-redis.ts",
    "../quota-share/quota-share.ts",
    "../idempotency-store/store.ts",
    "undici",
    "ioredis",
  ],
  "grpc/interceptors": ["../../service/keys.ts", "../../upstream/error.ts", "undici"],
  service: [
    "../config/config.ts",
    "../observability/logging/logger.ts",
    "../iam/token.ts",
    "../emulator/emulator.ts",
    "../keyprotect/client.ts",
    "../keyprotect/dialects/dialect-2019.ts",
    "../keyprotect/dialects/dialect-current.ts",
    "../upstream/transport/pool.ts",
    "../upstream/layer.ts",
    "../redis/connect-redis.ts",
    "../idempotency-store/memory-store.ts",
    "../quota-share/quota-share.ts",
    "undici",
    "ioredis",
  ],
  "idempotency-store": [
    "../grpc/call/call-context.ts",
    "../service/keys/handlers.ts",
    "../keyprotect/error.ts",
    "../upstream/error.ts",
    "../gen/keyprotect/v1/key.ts",
    "../config/config.ts",
    "../redis/connect-redis.ts",
    "../quota-share/quota-share.ts",
    "ioredis",
  ],
  redis: [
    "../grpc/call/call-context.ts",
    "../service/keys/handlers.ts",
    "../keyprotect/error.ts",
    "../upstream/error.ts",
    "../config/config.ts",
    "../observability/logging/logger.ts",
    "../idempotency-store/store.ts",
    "../quota-share/lease.ts",
    "undici",
  ],
  "quota-share": [
    "../grpc/call/call-context.ts",
    "../service/keys/handlers.ts",
    "../keyprotect/error.ts",
    "../upstream/rate-limit/rate-limit.ts",
    "../config/config.ts",
    "../observability/logging/logger.ts",
    "../redis/connect-redis.ts",
    "../idempotency-store/store.ts",
    "ioredis",
    "undici",
  ],
  console: [
    "../service/keys/handlers.ts",
    "../keyprotect/client.ts",
    "../upstream/state.ts",
    "../iam/token.ts",
    "../config/config.ts",
    "../gen/keyprotect/v1/key.ts",
    "../emulator/emulator.ts",
    "../redis/redis-commands.ts",
    "../idempotency-store/store.ts",
    "../quota-share/quota-share.ts",
    "undici",
    "ioredis",
  ],
  config: ["ioredis"],
  access: ["ioredis"],
  platform: ["ioredis"],
  gateway: ["ioredis"],
  observability: ["ioredis"],
  keyprotect: [
    "../grpc/status/status-error.ts",
    "../service/keys/handlers.ts",
    "../config/config.ts",
    "../observability/logging/logger.ts",
    "../iam/token.ts",
    "../gen/keyprotect/v1/key.ts",
    "../emulator/emulator.ts",
    "@grpc/grpc-js",
    "undici",
    "../redis/redis-commands.ts",
    "../quota-share/quota-share.ts",
    "../idempotency-store/store.ts",
    "ioredis",
  ],
  upstream: [
    "../grpc/call/call-context.ts",
    "../service/keys/handlers.ts",
    "../keyprotect/error.ts",
    "../gen/keyprotect/v1/key.ts",
    "../emulator/emulator.ts",
    "../iam/token.ts",
    "@grpc/grpc-js",
    "../redis/redis-commands.ts",
    "../quota-share/quota-share.ts",
    "../idempotency-store/store.ts",
    "ioredis",
  ],
  iam: [
    "../grpc/call/call-context.ts",
    "../service/keys/handlers.ts",
    "../keyprotect/error.ts",
    "../gen/keyprotect/v1/key.ts",
    "../emulator/emulator.ts",
    "@grpc/grpc-js",
    "../redis/redis-commands.ts",
    "../quota-share/quota-share.ts",
    "../idempotency-store/store.ts",
    "ioredis",
  ],
  "emulator/keys": [
    "../../keyprotect/error.ts",
    "../../platform/uuid.ts",
    "../../rpc-table.ts",
    "undici",
  ],
  emulator: [
    "../grpc/call/call-context.ts",
    "../service/keys/handlers.ts",
    "../keyprotect/error.ts",
    "../keyprotect/resources.ts",
    "../upstream/layer.ts",
    "../iam/token.ts",
    "../gen/keyprotect/v1/key.ts",
    "../config/config.ts",
    "../access/policy.ts",
    "../rpc-table.ts",
    "../platform/clock.ts",
    "../platform/call-signal.ts",
    "undici",
    "@grpc/grpc-js",
    "../redis/redis-commands.ts",
    "ioredis",
  ],
};

/** Imports that rooms need. A border that forbids one of them would have to be removed again. */
const allowed: Readonly<Record<string, readonly string[]>> = {
  grpc: ["../gen/keyprotect/v1/key.ts", "../rpc-table.ts", "@grpc/grpc-js"],
  service: [
    "../keyprotect/error.ts",
    "../keyprotect/resources.ts",
    "../upstream/error.ts",
    "../idempotency-store/store.ts",
    "../idempotency-store/store-error.ts",
  ],
  "idempotency-store": ["../redis/redis-commands.ts", "../platform/clock.ts"],
  redis: ["../platform/tls-errors.ts", "../platform/clock.ts", "ioredis"],
  "quota-share": [
    "../upstream/rate-limit/adaptive/response-counter.ts",
    "../upstream/rate-limit/adaptive/constants.ts",
    "../upstream/rate-limit/adaptive/settings.ts",
    "../redis/redis-commands.ts",
    "../platform/clock.ts",
  ],
  keyprotect: ["../upstream/layer.ts"],
  console: ["../observability/state.ts", "../grpc/call/call-observer.ts", "../platform/clock.ts"],
  upstream: ["undici"],
  iam: ["../upstream/error.ts", "undici"],
  "emulator/keys": ["../iam/tokens.ts", "../api/route.ts", "../instance.ts"],
};

interface Finding {
  readonly file: string;
  readonly rule: string;
}

function isRecord(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === "object" && value !== null;
}

/** Runs the repository's lint in a temporary copy and returns its findings. */
function lint(folder: string): Finding[] {
  const program = join(root, "node_modules", ".bin", "oxlint");
  const { stdout } = spawnSync(program, ["--format", "json", "src"], {
    cwd: folder,
    encoding: "utf8",
  });
  const report: unknown = JSON.parse(stdout);
  const diagnostics = isRecord(report) ? report["diagnostics"] : undefined;
  if (!Array.isArray(diagnostics)) throw new Error(`oxlint reports differently now: ${stdout}`);
  return diagnostics
    .filter(isRecord)
    .map(({ filename, code }) => ({ file: String(filename), rule: String(code) }));
}

describe("lint, let loose on code that breaks the rules", () => {
  let folder = "";
  let findings: readonly Finding[] = [];
  const breaches: Readonly<Record<string, string>> = {
    "src/config/any.ts": "export const value = (given: any): string => String(given);\n",
    "src/config/console.ts": 'console.log("said");\n',
    "src/config/cycle-a.ts":
      'import { b } from "./cycle-b.ts";\nexport const a = (): number => b();\n',
    "src/config/cycle-b.ts":
      'import { a } from "./cycle-a.ts";\nexport const b = (): number => a();\n',
  };

  beforeAll(() => {
    folder = mkdtempSync(join(tmpdir(), "keyprotect-borders-"));
    copyFileSync(join(root, ".oxlintrc.json"), join(folder, ".oxlintrc.json"));
    copyFileSync(join(root, "tsconfig.json"), join(folder, "tsconfig.json"));
    symlinkSync(join(root, "node_modules"), join(folder, "node_modules"));
    const write = (path: string, text: string): void => {
      mkdirSync(dirname(join(folder, path)), { recursive: true });
      writeFileSync(join(folder, path), text);
    };
    for (const [kind, borders] of [
      ["breach", forbidden],
      ["passage", allowed],
    ] as const) {
      for (const [room, imports] of Object.entries(borders)) {
        for (const [at, from] of imports.entries()) {
          write(fileOf(kind, room, at), `export * as stranger from "${from}";\n`);
        }
      }
    }
    for (const [path, text] of Object.entries(breaches)) write(path, text);
    findings = lint(folder);
  }, 60_000);
  afterAll(() => rmSync(folder, { recursive: true, force: true }));

  const rulesBrokenIn = (path: string): string[] =>
    findings.filter(({ file }) => file === path).map(({ rule }) => rule);

  const breachesOf = Object.entries(forbidden).flatMap(([room, imports]) =>
    imports.map((from, at) => [room, from, at] as const),
  );
  test.each(breachesOf)("finds that %s/ imports %s", (room, from, at) => {
    expect(rulesBrokenIn(fileOf("breach", room, at)), from).toContain(
      "eslint(no-restricted-imports)",
    );
  });

  const passagesOf = Object.entries(allowed).flatMap(([room, imports]) =>
    imports.map((from, at) => [room, from, at] as const),
  );
  test.each(passagesOf)("lets %s/ import %s", (room, from, at) => {
    expect(rulesBrokenIn(fileOf("passage", room, at)), from).not.toContain(
      "eslint(no-restricted-imports)",
    );
  });

  test.each([
    ["src/config/any.ts", "typescript(no-explicit-any)"],
    ["src/config/console.ts", "eslint(no-console)"],
    ["src/config/cycle-a.ts", "import(no-cycle)"],
  ])("finds in %s what breaks %s", (path, rule) => {
    expect(rulesBrokenIn(path)).toContain(rule);
  });
});

describe("the sources", () => {
  test("are found at all", () => {
    expect(sources.length).toBeGreaterThan(100);
    expect(sources).toContain(join("src", "grpc", "server", "server.ts"));
  });

  test("have no barrels", () => {
    expect(sources.filter((path) => /\bindex\.ts$/.test(path))).toEqual([]);
    expect(places(sources, /^export (?:type )?\*/)).toEqual([]);
  });

  test("have no file of more than 250 lines", () => {
    const lengths = sources.map((path) => [path, read(path).trimEnd().split("\n").length] as const);
    expect(lengths.filter(([, length]) => length > 250)).toEqual([]);
  });

  test("have names in kebab-case", () => {
    const names = sources.map((path) => relative("src", path));
    expect(names.filter((name) => !/^(?:[a-z0-9-]+\/)*_?[a-z0-9-]+\.ts$/.test(name))).toEqual([]);
  });
});

describe("everything that is written here", () => {
  test("silences the compiler nowhere", () => {
    const silencers = new RegExp(`@ts-${word("(?:ig", "nore|no", "check)")}`);
    expect(places(written, silencers)).toEqual([]);
    // In a test this directive asserts a type error. In the sources it would hide one.
    expect(places(sources, new RegExp(`@ts-${word("expect-", "error")}`))).toEqual([]);
  });

  test("says why wherever it silences lint", () => {
    // The reason stands on the line itself, behind two hyphens, or on a comment line right above.
    const silenced = new RegExp(`${word("oxlint-", "disable")}(?!.* -- \\w)`);
    const unexplained = written.flatMap((path) => {
      const lines = read(path).split("\n");
      return lines.flatMap((line, at) =>
        silenced.test(line) && !/^\s*(?:\/\/|\*) \w/.test(lines[at - 1] ?? "")
          ? [`${path}:${at + 1}`]
          : [],
      );
    });
    expect(unexplained).toEqual([]);
    expect(places(written, new RegExp(`\\b${word("eslint-", "disable")}\\b`))).toEqual([]);
  });

  test("names no folder of anybody's machine", () => {
    const machine = new RegExp(
      `(?<![\\w.])/(?:${word("wo", "rk|ho", "me|ro", "ot|Us", "ers")})/\\w`,
    );
    expect(places(written, machine)).toEqual([]);
  });

  test("leaves nothing for later", () => {
    const later = new RegExp(`\\b(?:${word("TO", "DO|FIX", "ME|XX", "X")})\\b`);
    expect(places(written, later)).toEqual([]);
  });
});

describe("every RPC", () => {
  const deps: ServiceDeps = {
    keyProtectOf: unused,
    dialectOf: unused,
    endpointsOf: unused,
    instanceIdOf: unused,
    itemEnded: unused,
    streams: { idleMs: 1, itemMs: 1 },
    clock: { now: unused, wallNow: unused, after: unused },
    idempotency: undefined,
  };
  const handlers = {
    keys: createKeysHandlers(deps),
    keyActions: createKeyActionsHandlers(deps),
    policies: createPoliciesHandlers(deps),
    instancePolicies: createInstancePoliciesHandlers(deps),
    lockers: createLockersHandlers(deps),
  };

  test.each(Object.keys(handlers))(
    "of the service %s has a row and a handler, and nothing else has",
    (name) => {
      const entry = Object.entries(services).find(([key]) => key === name);
      const methods = Object.entries(entry?.[1] ?? {});
      expect(methods.length).toBeGreaterThan(0);
      const implemented = Object.entries(handlers).find(([key]) => key === name)?.[1] ?? {};
      expect(Object.keys(implemented).toSorted()).toEqual(
        methods.map(([method]) => method).toSorted(),
      );
      const paths = rpcTable.map(({ path }) => path);
      for (const [, { path }] of methods) expect(paths).toContain(path);
    },
  );

  test("in the table belongs to one of these services", () => {
    const paths = new Set<string>(
      Object.values(services).flatMap((service) => Object.values(service).map(({ path }) => path)),
    );
    expect(new Set(rpcTable.map(({ path }) => path))).toEqual(paths);
  });
});
