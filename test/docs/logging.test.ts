/** docs/logging.md lists the lines of the log that the sources write. */
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { readDocumentedLog, undocumentedIn } from "../support/documented-log.ts";
import { logStatementsIn } from "../support/log-statements.ts";
import { root } from "./documents.ts";

const documented = readDocumentedLog();

const sources = readdirSync(join(root, "src"), { recursive: true, encoding: "utf8" })
  .map((path) => path.replaceAll("\\", "/"))
  .filter((path) => path.endsWith(".ts") && !/^(?:gen|emulator)\//.test(path))
  .map((path) => [path, readFileSync(join(root, "src", path), "utf8")] as const);
const statements = sources.flatMap(([path, text]) => logStatementsIn(path, text));

/**
 * Files whose statements take their message from elsewhere, and the messages. Each has to be a text
 * in the file that is named with it.
 */
const elsewhere: Readonly<Record<string, readonly (readonly [file: string, pattern: RegExp])[]>> = {
  "idempotency-store/record-watch.ts": [
    ["idempotency-store/record-watch.ts", /^ {2}\w+:\s+"(Redis [^"]+)"/gm],
  ],
  "redis/connection-log.ts": [
    ["redis/error.ts", /^ {2}[A-Z_]+: "([^"]+)"/gm],
    ["redis/quiet-library.ts", /"((?:the )?Redis [^"]+)"/g],
  ],
  "grpc/call/inbound-call.ts": [["grpc/call/inbound-call.ts", /#logError\(\w+, "([^"]+)"\)/g]],
  "grpc/server/connections/sparse-log.ts": [
    ["grpc/server/connections/connections.ts", /\bwarn\("([^"]+)"/g],
  ],
};
const sourceOf = new Map(sources);
const messagesElsewhere = Object.values(elsewhere).flatMap((places) =>
  places.flatMap(([file, pattern]) =>
    [...(sourceOf.get(file) ?? "").matchAll(pattern)].map(([, message = ""]) => message),
  ),
);

describe("the page about the log", () => {
  test("statements are found", () => {
    expect(statements.length).toBeGreaterThan(40);
    expect(statements.map(({ message }) => message)).toContain("IAM issued no access token");
    expect(
      logStatementsIn("a", 'logger.info({ a, b: f(1, 2), ...c, d: { e } }, "hello");'),
    ).toEqual([{ path: "a", message: "hello", fields: ["a", "b", "d"] }]);
  });

  test("every statement has its message in the source, or in the file that the test names", () => {
    const silent = statements.filter(({ message }) => message === undefined);
    expect([...new Set(silent.map(({ path }) => path))].toSorted()).toEqual(
      Object.keys(elsewhere).toSorted(),
    );
  });

  test("lists exactly the messages that the sources write", () => {
    const written = [
      ...statements.flatMap(({ message }) => (message === undefined ? [] : [message])),
      ...messagesElsewhere,
    ];
    expect([...documented.keys()].toSorted()).toEqual([...new Set(written)].toSorted());
  });

  const withFields = statements.filter(
    ({ message, fields }) => message !== undefined && fields !== undefined,
  );
  test.each(withFields)(
    "lists the fields of the line: $message",
    ({ message = "", fields = [] }) => {
      expect(documented.get(message)?.toSorted()).toEqual(fields.toSorted());
    },
  );

  test("a message or field that the page does not list is found in lines", () => {
    const time = "2026-01-01T00:00:00.000Z";
    const lines = [
      { level: "info", time, msg: "call", code: "OK", ciphertext: "x" },
      { level: "warn", time, msg: "Redis cannot be reached (ECONNREFUSED)", code: "UNREACHABLE" },
      { level: "warn", time, msg: "something new" },
    ];
    expect(undocumentedIn(lines)).toEqual([
      'the field ciphertext of "call"',
      'the message "something new"',
    ]);
  });
});
