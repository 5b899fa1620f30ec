/** Request IDs after failures: the response to a retry, which never creates a second key. */
import { randomUUID } from "node:crypto";
import { expect, test } from "vitest";
import type { FaultAction } from "../../src/emulator/control/faults.ts";
import { eventually } from "../support/eventually.ts";
import { asked, executed, startKeepingIds, withId } from "../support/request-ids.ts";

test("a request ID can be used again after Key Protect rejected its request", async () => {
  await using gateway = await startKeepingIds();
  const { keys } = gateway.clients;
  const request = withId(randomUUID());
  gateway.emulator.faults.add({
    match: { operation: "createKey" },
    times: 1,
    action: { kind: "respond", status: 409 },
  });
  expect((await gateway.failure(keys, "createKey", request)).reason).toBe("RESOURCE_EXISTS");
  expect(await gateway.call(keys, "createKey", request)).toMatchObject({ replayed: false });
  expect(executed(gateway, "createKey")).toBe(1);
});

test.each<[string, FaultAction]>([
  ["the connection is reset after the creation", { kind: "reset", when: "after-processing" }],
  ["the answer is garbled", { kind: "garble" }],
  ["Key Protect fails with the request in hand", { kind: "respond", status: 500 }],
])("an outcome stays unknown for every retry if %s", async (_, action) => {
  await using gateway = await startKeepingIds();
  const { keys } = gateway.clients;
  const request = withId(randomUUID());
  gateway.emulator.faults.add({ match: { operation: "createKey" }, times: 1, action });
  const first = await gateway.failure(keys, "createKey", request);
  expect(first.errorInfo?.metadata["mayHaveExecuted"]).toBe("true");
  for (let at = 0; at < 2; at += 1) {
    const repeated = await gateway.failure(keys, "createKey", request);
    expect(repeated).toMatchObject({
      code: "UNKNOWN",
      reason: "OUTCOME_UNKNOWN",
      errorInfo: { metadata: { mayHaveExecuted: "true", attempts: "0" } },
    });
    expect(repeated.message).toContain("check whether it did");
  }
  expect(asked(gateway, "createKey")).toBe(1);
});

test("a retry with the same request ID finds a creation that ended after its call", async () => {
  // The gateway's own limit ends the calls, so the client's library never answers first.
  await using gateway = await startKeepingIds({ env: { GATEWAY_MAX_DEADLINE_MS: "1500" } });
  const { keys } = gateway.clients;
  const request = withId(randomUUID());
  // Sets up a connection and a token, so that the deadline passes during the exchange.
  await gateway.call(keys, "countKeys", {});
  gateway.emulator.faults.add({ match: { operation: "createKey" }, times: 1, delayMs: 4_000 });
  const first = gateway.failure(keys, "createKey", request);
  await eventually(() => Promise.resolve(asked(gateway, "createKey") === 1));
  const joined = gateway.failure(keys, "createKey", request);
  const ended = { code: "DEADLINE_EXCEEDED", reason: "DEADLINE_UPSTREAM" };
  expect(await first).toMatchObject(ended);
  const failure = await joined;
  expect(failure).toMatchObject(ended);
  // The call itself sent nothing, and the change of the first call may still happen.
  expect(failure.errorInfo?.metadata).toMatchObject({ attempts: "0", mayHaveExecuted: "true" });

  // The exchange continues, and a retry waits for its end.
  let keyId = "";
  await eventually(async () => {
    const { response } = await gateway.outcome(keys, "createKey", request);
    if (response === undefined) return false;
    expect(response.replayed).toBe(true);
    keyId = response.key?.id ?? "";
    return true;
  });
  expect((await gateway.call(keys, "getKey", { keyId })).key?.name).toBe("orders");
  expect(asked(gateway, "createKey")).toBe(1);
  expect(gateway.log().map(({ msg }) => msg)).toContain("succeeded after it was answered");
}, 60_000);

test("the replay of a request ID contains only the key ID while Key Protect cannot be read", async () => {
  await using gateway = await startKeepingIds();
  const { keys } = gateway.clients;
  const request = withId(randomUUID());
  const { key } = await gateway.call(keys, "createKey", request);
  gateway.emulator.faults.add({
    match: { service: "keyprotect" },
    action: { kind: "respond", status: 503, headers: { "Retry-After": "60" } },
  });
  expect(await gateway.call(keys, "createKey", request)).toMatchObject({
    replayed: true,
    key: { id: key?.id, name: "" },
  });
}, 60_000);
