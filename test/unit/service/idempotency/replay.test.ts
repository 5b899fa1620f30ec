import { pino } from "pino";
import { describe, expect, test } from "vitest";
import type { KeyResource } from "../../../../src/keyprotect/resources.ts";
import { readReplayed } from "../../../../src/service/idempotency/replay.ts";
import { UpstreamError } from "../../../../src/upstream/error.ts";
import { callContext } from "../../../support/call-context.ts";
import { failure, fakeKeyProtect, keyId, keyResource, rejected } from "../fake-key-protect.ts";

/** Reads a replay from an instance that answers, or fails, as given. */
function replay(
  answer: () => Promise<KeyResource>,
  { joined = false, isTokenPassedThrough = false } = {},
) {
  let log = "";
  const logger = pino({}, { write: (line: string) => void (log += line) });
  const context = callContext("CreateKey", { logger, deadline: 5_000 });
  const { deps, calls } = fakeKeyProtect({ getKey: answer });
  const keyProtect = deps.keyProtectOf(context);
  const read = readReplayed(
    context,
    { kind: "replay", keyId, joined },
    { keyProtect, isTokenPassedThrough },
  );
  return { read, calls, log: () => log };
}

test("a replay returns the key as it is now and never asks for its material", async () => {
  const { read, calls } = replay(async () => keyResource({ state: 2 }));
  expect(await read).toMatchObject({ id: keyId, state: 2 });
  expect(calls).toEqual([["getKey", keyId]]);
});

test("a replay reads with an RPC that is safe to repeat and leaves time for the answer", async () => {
  const context = callContext("CreateKey", { deadline: 5_000 });
  const { deps } = fakeKeyProtect({
    getKey: async (call) => {
      expect(call.rpc).toMatchObject({ method: "CreateKey", retry: "safe", resource: "key" });
      expect(call.deadline).toBe(4_950);
      return keyResource();
    },
  });
  const keyProtect = deps.keyProtectOf(context);
  const given = { kind: "replay", keyId, joined: false } as const;
  expect(await readReplayed(context, given, { keyProtect, isTokenPassedThrough: false })).toEqual(
    keyResource(),
  );
});

test.each<[string, () => Promise<KeyResource>]>([
  ["is destroyed", async () => keyResource({ state: 5 })],
  ["was deleted", () => Promise.reject(rejected(410))],
  ["was purged", () => Promise.reject(rejected(404))],
])("a replay fails with KEY_DELETED if the key %s", async (_, answer) => {
  const error = await failure(replay(answer).read);
  expect(error).toMatchObject({ reason: "KEY_DELETED", details: { resource: { name: keyId } } });
  expect(error.details.mayHaveExecuted).not.toBe(true);
});

const lost = () => Promise.reject(new UpstreamError("RESET", "s3cr3t", { sent: true }));

describe("a read that fails", () => {
  test("a failed read of a replay yields undefined and is logged without its text", async () => {
    const { read, log } = replay(lost);
    expect(await read).toBeUndefined();
    expect(log()).toContain('"code":"RESET"');
    expect(log()).not.toContain("s3cr3t");
  });

  test("a joined replay treats 404 as a key that cannot be found yet", async () => {
    expect(
      await replay(() => Promise.reject(rejected(404)), { joined: true }).read,
    ).toBeUndefined();
  });

  test("a failed read with the caller's own token fails the replay, without doubt about the change", async () => {
    const passing = { isTokenPassedThrough: true };
    expect(await failure(replay(lost, passing).read)).toMatchObject({
      reason: "UPSTREAM_UNAVAILABLE",
    });
    const denied = replay(() => Promise.reject(rejected(403)), passing);
    expect(await failure(denied.read)).toMatchObject({ reason: "UPSTREAM_ACCESS_DENIED" });
  });
});
