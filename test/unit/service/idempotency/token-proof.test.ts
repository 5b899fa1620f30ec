/** A call learns nothing of a request ID before Key Protect has accepted its token. */
import { expect, test } from "vitest";
import type { CallContext } from "../../../../src/grpc/call/call-context.ts";
import { KeyProtectError } from "../../../../src/keyprotect/error.ts";
import { Secret } from "../../../../src/platform/secret.ts";
import { UpstreamError } from "../../../../src/upstream/error.ts";
import { nextTurn } from "../../../support/next-turn.ts";
import { failure } from "../fake-key-protect.ts";
import { fresh, setUp } from "./idempotent-calls.ts";

const tokenOf = (serial: number): Secret =>
  new Secret(
    [{}, { iam_id: "IBMid-1", serial }, {}]
      .map((part) => Buffer.from(JSON.stringify(part)).toString("base64url"))
      .join("."),
  );
const genuine = tokenOf(1);
const forged = tokenOf(2);
const as = (callerToken: Secret): CallContext => fresh({ callerToken });

/** Calls that pass their tokens through to a service that accepts the genuine one. */
function setUpPassingThrough() {
  const proven: Secret[] = [];
  const calls = setUp({}, async ({ callerToken, attemptLog }) => {
    attemptLog.credential = "caller";
    if (callerToken !== undefined) proven.push(callerToken);
    if (callerToken !== genuine) throw new KeyProtectError("REJECTED", "", { httpStatus: 401 });
  });
  return { ...calls, proven };
}

test("a first call needs no proof of its token", async () => {
  const { ask, begun, proven } = setUpPassingThrough();
  const asked = ask({ context: as(genuine) });
  await nextTurn();
  begun[0]?.end("key");
  expect(await asked).toMatchObject({ kind: "made", keyId: "key" });
  expect(proven).toEqual([]);
});

test("a replay needs no proof beside the read of its key", async () => {
  const { ask, begun, proven } = setUpPassingThrough();
  const asked = ask({ context: as(genuine) });
  await nextTurn();
  begun[0]?.end("key");
  await asked;
  expect(await ask({ context: as(genuine) })).toMatchObject({ kind: "replay", keyId: "key" });
  expect(proven).toEqual([]);
});

test("a token that is not accepted does not wait for a call of the same process", async () => {
  const { ask, begun } = setUpPassingThrough();
  const first = ask({ context: as(genuine) });
  await nextTurn();
  const refused = await failure(ask({ context: as(forged) }));
  expect([refused.reason, refused.details.mayHaveExecuted ?? false]).toEqual([
    "CALLER_TOKEN_REJECTED",
    false,
  ]);
  begun[0]?.end("key");
  expect(await first).toMatchObject({ kind: "made" });
});

test("a token that is not accepted does not wait for a call of another process", async () => {
  const { ask, begun, newProcess } = setUpPassingThrough();
  const first = ask({ context: as(genuine) });
  await nextTurn();
  const refused = await failure(ask({ context: as(forged), process: newProcess() }));
  expect(refused.reason).toBe("CALLER_TOKEN_REJECTED");
  begun[0]?.end("key");
  expect(await first).toMatchObject({ kind: "made" });
});

test("the refusal of one token is not that of the calls that wait for it", async () => {
  const { ask, begun } = setUpPassingThrough();
  const first = ask({ context: as(genuine) });
  await nextTurn();
  begun[0]?.end("key");
  await first;
  // The call with the forged token reads the record, and the other one waits for it.
  const fields = ["other"];
  const both = [forged, genuine].map((token) => failure(ask({ context: as(token), fields })));
  expect((await Promise.all(both)).map(({ reason }) => reason)).toEqual([
    "CALLER_TOKEN_REJECTED",
    "REQUEST_ID_REUSED",
  ]);
});

test("a proof that fails for another reason fails the call with that reason, as safe to repeat", async () => {
  const { ask, begun } = setUp({}, async () => {
    throw new UpstreamError("RESET", "broken", { sent: true });
  });
  const first = ask({ context: as(genuine) });
  await nextTurn();
  const refused = await failure(ask({ context: as(genuine) }));
  expect(refused.reason).toBe("UPSTREAM_UNAVAILABLE");
  expect(refused.details).toMatchObject({ retryDelayMs: 1_000 });
  expect(refused.details.mayHaveExecuted ?? false).toBe(false);
  begun[0]?.end("key");
  await first;
});

test.each([
  ["an expired token", { httpStatus: 400, callerTokenAge: "expired" as const }],
  [
    "an unusable token",
    { httpStatus: 400, reasons: [{ code: "BEARER_SUB_EXTRACTION_ERR", target: undefined }] },
  ],
])("a rejection of %s is not that of the calls that wait", async (_what, facts) => {
  const { ask, begun } = setUpPassingThrough();
  const first = failure(ask({ context: as(genuine) }));
  await nextTurn();
  const second = ask({ context: as(genuine) });
  await nextTurn();
  begun[0]?.fail(new KeyProtectError("REJECTED", "", facts));
  await first;
  await nextTurn();
  begun[1]?.end("key");
  expect(await second).toMatchObject({ kind: "made", keyId: "key" });
});
