/** The guarantee of `request_id` end to end: requests with the same ID are executed once. */
import { randomUUID } from "node:crypto";
import { describe, expect, test } from "vitest";
import { KeyType, ReturnPreference } from "../../src/gen/keyprotect/v1/key.ts";
import { asked, executed, startKeepingIds, withId } from "../support/request-ids.ts";
import { eventually } from "../support/eventually.ts";
import {
  createKeyRequest,
  deleteKeyRequest,
  plainMaterial,
  rotateKeyRequest,
} from "../support/requests.ts";
import type { TestGateway } from "../support/start-gateway.ts";

describe.each(["current", "2019"] as const)("in the dialect %s", (dialect) => {
  const startHere = (): Promise<TestGateway> =>
    startKeepingIds({ dialect, emulator: { profile: dialect } });

  test("a key creation with a repeated request ID returns the key in its current state", async () => {
    await using gateway = await startHere();
    const { keys, actions } = gateway.clients;
    const request = withId(randomUUID());
    const first = await gateway.call(keys, "createKey", request);
    expect(first.replayed).toBe(false);
    const keyId = first.key?.id ?? "";
    await gateway.call(actions, "rotateKey", rotateKeyRequest(keyId));
    const second = await gateway.call(keys, "createKey", request);
    expect(second).toMatchObject({ replayed: true, key: { id: keyId, name: "orders" } });
    expect(second.key?.lastRotateTime).toBeInstanceOf(Date);
    expect(executed(gateway, "createKey")).toBe(1);
  });

  test("a key creation with a repeated request ID fails with KEY_DELETED if the key was deleted since", async () => {
    await using gateway = await startHere();
    const { keys } = gateway.clients;
    const request = withId(randomUUID());
    const { key } = await gateway.call(keys, "createKey", request);
    await gateway.call(keys, "deleteKey", deleteKeyRequest(key?.id ?? ""));
    expect(await gateway.failure(keys, "createKey", request)).toMatchObject({
      code: "FAILED_PRECONDITION",
      reason: "KEY_DELETED",
      resourceInfo: { resourceName: key?.id },
      errorInfo: { metadata: { mayHaveExecuted: "false" } },
    });
    expect(executed(gateway, "createKey")).toBe(1);
  });

  test("a rotation with a repeated request ID creates no second version", async () => {
    await using gateway = await startHere();
    const { keys, actions } = gateway.clients;
    const { key } = await gateway.call(keys, "createKey", createKeyRequest());
    const keyId = key?.id ?? "";
    const requestId = randomUUID();
    const minimal = rotateKeyRequest(keyId, { requestId });
    expect(await gateway.call(actions, "rotateKey", minimal)).toMatchObject({ replayed: false });
    expect(await gateway.call(actions, "rotateKey", minimal)).toMatchObject({
      replayed: true,
      key: { id: keyId, name: "" },
    });
    expect(executed(gateway, "rotateKey")).toBe(1);
    // The fingerprint of a request includes the return preference.
    const whole = { ...minimal, returnPreference: ReturnPreference.REPRESENTATION };
    expect((await gateway.failure(actions, "rotateKey", whole)).reason).toBe("REQUEST_ID_REUSED");
    gateway.emulator.clock.advance(2 * 3_600_000);
    const anew = { ...whole, requestId: randomUUID() };
    await gateway.call(actions, "rotateKey", anew);
    const replayed = await gateway.call(actions, "rotateKey", anew);
    expect(replayed).toMatchObject({ replayed: true, key: { id: keyId, name: "orders" } });
    expect(executed(gateway, "rotateKey")).toBe(2);
  });
});

test("a request ID is rejected for a request with other fields or other imported material", async () => {
  await using gateway = await startKeepingIds();
  const { keys } = gateway.clients;
  const requestId = randomUUID();
  const value = gateway.secrets.bytes(32);
  const importing = (material: Buffer) =>
    createKeyRequest({ requestId, material: plainMaterial(Buffer.from(material)) });
  const { key } = await gateway.call(keys, "createKey", importing(value));
  expect(await gateway.call(keys, "createKey", importing(value))).toMatchObject({
    replayed: true,
    key: { id: key?.id, imported: true },
  });
  for (const request of [
    importing(gateway.secrets.bytes(32)),
    withId(requestId),
    createKeyRequest({ requestId, name: "invoices" }),
  ]) {
    const failure = await gateway.failure(keys, "createKey", request);
    expect(failure).toMatchObject({ code: "INVALID_ARGUMENT", reason: "REQUEST_ID_REUSED" });
    expect(failure.badRequest?.fieldViolations.map(({ field }) => field)).toEqual(["request_id"]);
  }
  expect(asked(gateway, "createKey")).toBe(1);
});

test("the replay of a request ID never contains key material", async () => {
  await using gateway = await startKeepingIds();
  const { keys } = gateway.clients;
  const request = createKeyRequest({
    requestId: randomUUID(),
    type: KeyType.STANDARD,
    returnPreference: ReturnPreference.REPRESENTATION,
  });
  const first = await gateway.call(keys, "createKey", request);
  expect(gateway.secrets.mark(first.keyMaterial).length).toBeGreaterThan(0);
  const second = await gateway.call(keys, "createKey", request);
  expect(second).toMatchObject({ replayed: true, key: { id: first.key?.id } });
  expect(second.keyMaterial).toHaveLength(0);
});

test("a hundred concurrent calls with one request ID create one key", async () => {
  await using gateway = await startKeepingIds({ emulator: { latencyMs: 200 } });
  const { keys } = gateway.clients;
  const request = withId(randomUUID());
  const answers = await Promise.all(
    Array.from({ length: 100 }, () => gateway.call(keys, "createKey", request)),
  );
  expect(executed(gateway, "createKey")).toBe(1);
  expect(new Set(answers.map(({ key }) => key?.id)).size).toBe(1);
  expect(answers.filter(({ replayed }) => !replayed)).toHaveLength(1);
}, 60_000);

const startPassingThrough = (): Promise<TestGateway> =>
  startKeepingIds({
    env: { GATEWAY_CREDENTIALS: "caller", IBMCLOUD_API_KEY: "", IAM_AUTH_URL: "" },
  });

const bearer = (token: string) => ({ metadata: { authorization: `Bearer ${token}` } });

/** Alice's tokens: one that Key Protect accepts, and one that it does not. */
const tokensOf = (gateway: TestGateway) => {
  const { emulator } = gateway;
  const [alice] = emulator.users;
  if (alice === undefined) throw new Error("a user is needed");
  const forged = emulator.tokens.issue(alice, 3_000).accessToken;
  emulator.tokens.revoke(forged);
  return {
    genuine: bearer(emulator.tokens.issue(alice).accessToken),
    forged: bearer(forged),
  };
};

describe("with the callers' tokens", () => {
  test("a request ID belongs to the subject of the caller's token, even after the token is renewed", async () => {
    await using gateway = await startPassingThrough();
    const { emulator } = gateway;
    const { keys } = gateway.clients;
    const [alice, bob] = emulator.users;
    if (alice === undefined || bob === undefined) throw new Error("two users are needed");
    const as = (user: typeof alice, seconds: number) => ({
      metadata: { authorization: `Bearer ${emulator.tokens.issue(user, seconds).accessToken}` },
    });
    const request = withId(randomUUID());
    const first = await gateway.call(keys, "createKey", request, as(alice, 3_600));
    const renewed = await gateway.call(keys, "createKey", request, as(alice, 3_000));
    expect(renewed).toMatchObject({ replayed: true, key: { id: first.key?.id } });
    const other = await gateway.call(keys, "createKey", request, as(bob, 3_600));
    expect(other.replayed).toBe(false);
    expect(other.key?.id).not.toBe(first.key?.id);
    expect(executed(gateway, "createKey")).toBe(2);

    // A forged token with Alice's name gets nothing that Key Protect would not give to that token.
    const forged = emulator.tokens.issue(alice).accessToken;
    emulator.tokens.revoke(forged);
    const metadata = { authorization: `Bearer ${forged}` };
    const failure = await gateway.failure(keys, "createKey", request, { metadata });
    expect(failure).toMatchObject({ code: "UNAUTHENTICATED", reason: "CALLER_TOKEN_REJECTED" });
    expect(JSON.stringify(failure.errorInfo)).not.toContain(first.key?.id);
  });

  const unauthenticated = { code: "UNAUTHENTICATED", reason: "CALLER_TOKEN_REJECTED" };

  test("a token that Key Protect has not accepted does not learn that a request ID was used", async () => {
    await using gateway = await startPassingThrough();
    const { genuine, forged } = tokensOf(gateway);
    const { keys, actions } = gateway.clients;
    const requestId = randomUUID();
    const { key } = await gateway.call(keys, "createKey", withId(requestId), genuine);
    const otherCreate = { ...withId(requestId), name: "other" };
    const rotation = rotateKeyRequest(key?.id ?? "", { requestId });
    await gateway.call(actions, "rotateKey", rotation, genuine);
    const otherRotate = { ...rotation, returnPreference: ReturnPreference.REPRESENTATION };

    for (const token of [forged, genuine]) {
      const expected =
        token === forged
          ? unauthenticated
          : { code: "INVALID_ARGUMENT", reason: "REQUEST_ID_REUSED" };
      expect(await gateway.failure(keys, "createKey", otherCreate, token)).toMatchObject(expected);
      expect(await gateway.failure(actions, "rotateKey", otherRotate, token)).toMatchObject(
        expected,
      );
    }
    expect([executed(gateway, "createKey"), executed(gateway, "rotateKey")]).toEqual([1, 1]);
  });

  test("a token that Key Protect has not accepted does not learn of an unknown outcome", async () => {
    await using gateway = await startPassingThrough();
    const { genuine, forged } = tokensOf(gateway);
    const { keys } = gateway.clients;
    gateway.emulator.faults.add({
      match: { operation: "createKey" },
      times: 1,
      action: { kind: "reset", when: "after-processing" },
    });
    const request = withId(randomUUID());
    const unknown = { code: "UNKNOWN", reason: "OUTCOME_UNKNOWN" };
    expect(await gateway.failure(keys, "createKey", request, genuine)).toMatchObject(unknown);
    expect(await gateway.failure(keys, "createKey", request, forged)).toMatchObject(
      unauthenticated,
    );
    expect(await gateway.failure(keys, "createKey", request, genuine)).toMatchObject(unknown);
    expect(asked(gateway, "createKey")).toBe(1);
  });

  test("a token that Key Protect has not accepted does not learn that a request is under way", async () => {
    await using gateway = await startPassingThrough();
    const { genuine, forged } = tokensOf(gateway);
    const { keys } = gateway.clients;
    gateway.emulator.faults.add({ match: { operation: "createKey" }, delayMs: 4_000 });
    const request = withId(randomUUID());
    const first = gateway.call(keys, "createKey", request, genuine);
    await eventually(() => asked(gateway, "createKey") === 1);
    const deadline = Date.now() + 3_000;
    const refused = await gateway.failure(keys, "createKey", request, { ...forged, deadline });
    expect(refused).toMatchObject(unauthenticated);
    expect(refused.errorInfo?.metadata["mayHaveExecuted"]).toBe("false");
    const second = await gateway.call(keys, "createKey", request, genuine);
    expect(second).toMatchObject({ replayed: true, key: { id: (await first).key?.id } });
    expect(executed(gateway, "createKey")).toBe(1);
  }, 20_000);

  test("a request ID stays usable while it cannot be learned whether a token is accepted", async () => {
    await using gateway = await startPassingThrough();
    const { genuine } = tokensOf(gateway);
    const { keys } = gateway.clients;
    const request = withId(randomUUID());
    const first = await gateway.call(keys, "createKey", request, genuine);
    gateway.emulator.faults.add({
      match: { method: "GET" },
      action: { kind: "respond", status: 503 },
    });
    for (const repeated of [request, { ...request, name: "other" }]) {
      const failure = await gateway.failure(keys, "createKey", repeated, genuine);
      expect(failure).toMatchObject({ code: "UNAVAILABLE", reason: "UPSTREAM_UNAVAILABLE" });
      expect(failure.errorInfo?.metadata["mayHaveExecuted"]).toBe("false");
    }
    gateway.emulator.faults.clear();
    const replayed = await gateway.call(keys, "createKey", request, genuine);
    expect(replayed).toMatchObject({ replayed: true, key: { id: first.key?.id } });
  }, 20_000);

  test("a request ID with a token that names no subject is rejected", async () => {
    await using gateway = await startPassingThrough();
    const { keys } = gateway.clients;
    const metadata = { authorization: "Bearer opaque" };
    const failure = await gateway.failure(keys, "createKey", withId(randomUUID()), { metadata });
    expect(failure).toMatchObject({ code: "INVALID_ARGUMENT", reason: "REQUEST_ID_UNSUPPORTED" });
    expect(asked(gateway, "createKey")).toBe(0);
  });
});
