import { spawnSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, describe, expect, test, vi } from "vitest";
import { createLogger } from "../../../../src/observability/logging/logger.ts";
import { UpstreamError } from "../../../../src/upstream/error.ts";

function logging(level: "debug" | "info" | "silent" = "info") {
  const lines: string[] = [];
  const logger = createLogger({ level, destination: { write: (line) => void lines.push(line) } });
  return { logger, lines, only: (): unknown => JSON.parse(lines[0] ?? "") };
}

afterEach(() => void vi.useRealTimers());

test("a line's time is that of its writing to the millisecond, across seconds, years and steps of the clock", () => {
  const { logger, lines } = logging();
  vi.useFakeTimers({ toFake: ["Date"] });
  const times = [
    "2026-11-23T04:59:59.000Z",
    "2026-11-23T04:59:59.007Z",
    "2026-11-23T04:59:59.999Z",
    "2026-11-23T05:00:00.000Z",
    "2026-12-31T23:59:59.999Z",
    "2027-01-01T00:00:00.040Z",
    "2026-12-31T23:59:59.998Z",
    "1969-12-31T23:59:59.999Z",
    "+010000-01-01T00:00:00.001Z",
  ];
  for (const time of times) {
    vi.setSystemTime(Date.parse(time));
    logger.info("now");
  }
  expect(lines.map((line) => JSON.parse(line))).toEqual(
    times.map((time) => ({ level: "info", time, msg: "now" })),
  );
});

describe("the logger", () => {
  test("the logger writes one JSON line with level by name, ISO time, fields and text", () => {
    const { logger, lines, only } = logging();

    logger.info({ method: "x", attempts: 2 }, "call");

    expect(lines).toHaveLength(1);
    expect(only()).toEqual({
      level: "info",
      time: expect.stringMatching(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/),
      method: "x",
      attempts: 2,
      msg: "call",
    });
  });

  test("the logger leaves out lines below its level", () => {
    const { logger, lines } = logging("info");

    logger.debug("no");
    logger.warn("yes");

    expect(lines).toHaveLength(1);
  });

  test("the logger shows an own error in full and its foreign cause without text", () => {
    const { logger, lines, only } = logging();
    const err = new UpstreamError("TLS", "no trusted TLS connection could be made", {
      cause: Object.assign(new Error("SECRET"), { code: "CERT_HAS_EXPIRED" }),
    });

    logger.warn({ err }, "call");

    expect(only()).toMatchObject({
      err: {
        name: "UpstreamError",
        code: "TLS",
        message: "no trusted TLS connection could be made",
        cause: { code: "CERT_HAS_EXPIRED" },
      },
    });
    expect(lines.join("")).not.toContain("SECRET");
  });

  test.each<[string, (logger: ReturnType<typeof logging>["logger"]) => void]>([
    ["as the only argument", (logger) => logger.error(new Error("SECRET"))],
    ["with a text", (logger) => logger.error(new Error("SECRET"), "failed")],
    ["as a field without a text", (logger) => logger.error({ err: new Error("SECRET") })],
    ["under another name", (logger) => logger.error({ problem: new Error("SECRET") }, "failed")],
    ["of a child", (logger) => logger.child({ err: new Error("SECRET") }).error("failed")],
    ["to a child", (logger) => logger.child({ a: 1 }).error(new Error("SECRET"))],
    ["secret field", (logger) => logger.info({ headers: { authorization: "SECRET" } }, "x")],
    ["secret field of a child", (logger) => logger.child({ apiKey: "SECRET" }).info("x")],
    ["of a grandchild", (logger) => logger.child({ a: 1 }).child({ token: "SECRET" }).info("x")],
    ["bytes", (logger) => logger.info({ found: Buffer.from("SECRET") }, "x")],
  ])("no foreign text or secret gets into the log: %s", (_name, log) => {
    const { logger, lines } = logging();

    log(logger);

    expect(lines).toHaveLength(1);
    const [line = ""] = lines;
    expect(line).not.toContain("SECRET");
    expect(line).not.toContain(Buffer.from("SECRET").toJSON().data.join(","));
  });

  test("the logger formats texts with values as pino does", () => {
    const { logger, only } = logging();

    logger.info("%d of %s", 3, "four");

    expect(only()).toMatchObject({ msg: "3 of four" });
  });

  test("no line on standard output is lost when the process ends at once", () => {
    const program = `
      const { createLogger } = await import("./src/observability/logging/logger.ts");
      createLogger({ level: "info" }).info("last words");
      process.exit(3);
    `;
    const run = spawnSync(
      process.execPath,
      ["--import", "tsx", "--input-type=module", "--eval", program],
      { encoding: "utf8" },
    );

    expect(run.stdout).toContain('"msg":"last words"');
    expect(run.status).toBe(3);
  });
});

/** Runs a program with these commands of a shell before it. */
const runInShell = (before: string, after: string, program: string) =>
  spawnSync(
    "sh",
    ["-c", `${before}; exec "$0" --import tsx --input-type=module --eval "$1" ${after}`].concat(
      process.execPath,
      program,
    ),
    { encoding: "utf8" },
  );

describe.runIf(process.platform === "linux")("a log file that cannot grow", () => {
  test("is reported once, and written again when it has room", () => {
    const folder = mkdtempSync(join(tmpdir(), "keyprotect-log-"));
    const path = join(folder, "log");
    try {
      const run = runInShell(
        "ulimit -f 8",
        `>> "${path}"`,
        `
          const { truncateSync } = await import("node:fs");
          const { setTimeout: sleep } = await import("node:timers/promises");
          const { createLogger } = await import("./src/observability/logging/logger.ts");
          const { droppedLogLines } = await import("./src/observability/logging/standard-output.ts");
          const logger = createLogger({ level: "info" });
          for (let n = 0; n < 1000; n += 1) logger.info("too many words");
          await new Promise((resolve) => logger.flush(resolve));
          truncateSync(${JSON.stringify(path)}, 0);
          logger.info("last words");
          await new Promise((resolve) => logger.flush(resolve));
          process.stderr.write(droppedLogLines() > 0 ? "counted" : "not counted");
        `,
      );
      expect(run.stderr).toBe("log lines are dropped: standard output takes none (EFBIG)\ncounted");
      expect(run.status).toBe(0);
      const last = readFileSync(path, "utf8").trim();
      expect(JSON.parse(last)).toMatchObject({ msg: "last words" });
    } finally {
      rmSync(folder, { recursive: true });
    }
  });
});
