import { pino } from "pino";
import { expect, test } from "vitest";
import { KeyProtectError } from "../../../../src/keyprotect/error.ts";
import { readAfterChange } from "../../../../src/service/keys/read-after-change.ts";
import { callContext } from "../../../support/call-context.ts";

/** Runs a read that fails. Returns its result and the log. */
async function failing(error: unknown): Promise<{ result: unknown; log: string }> {
  let log = "";
  const logger = pino({}, { write: (line: string) => void (log += line) });
  const context = callContext("RotateKey", { logger });
  const result = await readAfterChange(context, async () => {
    throw error;
  });
  return { result, log };
}

test("a read after a change leaves time for the answer and returns its result", async () => {
  const context = callContext("RotateKey", { deadline: 5_000 });
  const result = await readAfterChange(context, async (call) => {
    expect(call).toEqual({ ...context, deadline: 4_950 });
    return "read";
  });
  expect(result).toBe("read");
});

test("a failed read after a change yields undefined and is logged by its code, without its text", async () => {
  const rejected = new KeyProtectError("REJECTED", "s3cr3t", { cause: new Error("s3cr3t") });
  const { result, log } = await failing(rejected);
  expect(result).toBeUndefined();
  expect(log).toContain('"code":"REJECTED"');
  expect(log).toContain(callContext("RotateKey").correlationId);
  expect(log).not.toContain("s3cr3t");
});

test("a read after a change that fails with an unknown error is logged as UNKNOWN", async () => {
  const { result, log } = await failing(new TypeError("s3cr3t"));
  expect(result).toBeUndefined();
  expect(log).toContain('"code":"UNKNOWN"');
  expect(log).not.toContain("s3cr3t");
});
