/** Each call has one ID. Key Protect, the response and the log show the same one. */
import { randomUUID } from "node:crypto";
import { expect, test } from "vitest";
import { KeyType, ReturnPreference } from "../../src/gen/keyprotect/v1/key.ts";
import type { Metadata } from "@grpc/grpc-js";
import { statusDetails } from "../support/status-details.ts";
import {
  createKeyId,
  createKeyRequest,
  generateDataKeyRequest,
  rotateKeyRequest,
  unwrapKeyRequest,
  wrapKeyRequest,
} from "../support/requests.ts";
import { startTestGateway, type CallSettings, type TestGateway } from "../support/start-gateway.ts";

const uuidV4 = /^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/;
const unknownId = "99999999-9999-4999-8999-999999999999";

const correlationIn = (metadata: Metadata): readonly unknown[] => metadata.get("x-correlation-id");

interface Planned {
  /** How the call ends. */
  readonly ending: "ok" | "failed" | "refused";
  readonly make: (
    gateway: TestGateway,
    settings: CallSettings,
  ) => ReturnType<TestGateway["outcome"]>;
}

/** Calls of all endings: answered, failed upstream, and rejected before anything was sent. */
function plan(keyId: string, ciphertext: Buffer): readonly Planned[] {
  return [
    {
      ending: "ok",
      make: (gateway, settings) =>
        gateway.outcome(gateway.clients.keys, "getKey", { keyId }, settings),
    },
    {
      ending: "ok",
      make: (gateway, settings) =>
        gateway.outcome(
          gateway.clients.actions,
          "wrapKey",
          wrapKeyRequest(keyId, Buffer.alloc(32, 1)),
          settings,
        ),
    },
    {
      ending: "failed",
      make: (gateway, settings) =>
        gateway.outcome(gateway.clients.keys, "getKey", { keyId: unknownId }, settings),
    },
    {
      ending: "ok",
      make: (gateway, settings) => gateway.outcome(gateway.clients.keys, "countKeys", {}, settings),
    },
    {
      ending: "failed",
      make: (gateway, settings) =>
        gateway.outcome(
          gateway.clients.actions,
          "unwrapKey",
          unwrapKeyRequest(keyId, ciphertext, ["another context"]),
          settings,
        ),
    },
    {
      ending: "refused",
      make: (gateway, settings) =>
        gateway.outcome(gateway.clients.keys, "getKey", { keyId: "" }, settings),
    },
    {
      ending: "ok",
      make: (gateway, settings) =>
        gateway.outcome(
          gateway.clients.actions,
          "generateDataKey",
          generateDataKeyRequest(keyId, { omitPlaintext: true }),
          settings,
        ),
    },
    {
      ending: "ok",
      make: (gateway, settings) =>
        gateway.outcome(
          gateway.clients.keys,
          "createKey",
          createKeyRequest({ type: KeyType.STANDARD }),
          settings,
        ),
    },
  ];
}

test("each of 1,000 interleaved calls has its own ID upstream, in the answer and in the log", async () => {
  // The test is about IDs, so it must not fail for time on a busy machine.
  await using gateway = await startTestGateway({
    env: {
      GATEWAY_UPSTREAM_ATTEMPT_TIMEOUT_MS: "60000",
      GATEWAY_COALESCE_UNWRAPS: "false",
      GATEWAY_COALESCE_READS: "false",
    },
  });
  const { emulator, clients } = gateway;
  const keyId = await createKeyId(gateway);
  const { ciphertext } = await gateway.call(
    clients.actions,
    "wrapKey",
    wrapKeyRequest(keyId, gateway.secrets.bytes(32)),
  );
  emulator.requests.clear();
  const linesBefore = gateway.log().length;
  // The responses arrive in another order than the requests.
  emulator.faults.add({ match: { service: "keyprotect" }, probability: 0.3, delayMs: 15 });

  const kinds = plan(keyId, ciphertext);
  const calls = Array.from({ length: 1_000 }, (_, at) => {
    const planned = kinds[at % kinds.length];
    if (planned === undefined) throw new Error("no such call");
    return { id: randomUUID(), planned };
  });
  const ended = await Promise.all(
    calls.map(async ({ id, planned }) => ({
      id,
      planned,
      outcome: await planned.make(gateway, {
        metadata: { "x-correlation-id": id },
        deadline: Date.now() + 60_000,
      }),
    })),
  );

  const sent = emulator.requests.list({ service: "keyprotect" });
  const sentById = new Map<string, number>();
  for (const { correlationId = "" } of sent) {
    sentById.set(correlationId, (sentById.get(correlationId) ?? 0) + 1);
  }
  const linesById = new Map<unknown, unknown[]>();
  for (const line of gateway.log().slice(linesBefore)) {
    linesById.set(line["correlationId"], [...(linesById.get(line["correlationId"]) ?? []), line]);
  }
  const wrong: string[] = [];
  const claim = (isTrue: boolean, what: string): void => {
    if (!isTrue) wrong.push(what);
  };
  for (const { id, planned, outcome } of ended) {
    const { ending } = planned;
    claim((outcome.error === null) === (ending === "ok"), `${id} ended otherwise than planned`);
    claim(correlationIn(outcome.trailers).join() === id, `${id} is not alone in the trailers`);
    claim(sentById.get(id) === (ending === "refused" ? undefined : 1), `${id} upstream`);
    const callLines = (linesById.get(id) ?? []).filter(
      (line) => typeof line === "object" && line !== null && "msg" in line && line.msg === "call",
    );
    claim(callLines.length === 1, `${id} has ${callLines.length} lines of its call`);
    if (outcome.error === null) {
      claim(correlationIn(outcome.headers).join() === id, `${id} is not alone in the headers`);
    } else {
      const { requestInfo, errorInfo } = statusDetails(outcome.error);
      claim(requestInfo?.requestId === id, `${id} is not in RequestInfo`);
      claim(errorInfo?.metadata["correlationId"] === id, `${id} is not in ErrorInfo`);
    }
  }
  expect(wrong).toEqual([]);
  expect(new Set(sentById.keys())).toEqual(
    new Set(ended.filter(({ planned }) => planned.ending !== "refused").map(({ id }) => id)),
  );
}, 60_000);

test("a correlation ID that is no UUID is replaced by a new one and does not appear anywhere", async () => {
  await using gateway = await startTestGateway();
  const given = ["42", "${jndi:ldap://x}", "a".repeat(36), "11111111-2222-4333-8444-55555555555g"];
  const ids: unknown[] = [];
  for (const text of given) {
    const { trailers, headers } = await gateway.outcome(
      gateway.clients.keys,
      "countKeys",
      {},
      { metadata: { "x-correlation-id": text } },
    );
    expect(correlationIn(trailers)).toEqual(correlationIn(headers));
    expect(String(correlationIn(trailers)[0])).toMatch(uuidV4);
    ids.push(correlationIn(trailers)[0]);
  }
  expect(new Set(ids).size).toBe(given.length);
  const sent = gateway.emulator.requests.list({ service: "keyprotect" });
  expect(sent.map(({ correlationId }) => correlationId)).toEqual(ids);
  const log = JSON.stringify(gateway.log());
  expect(given.filter((text) => log.includes(`"${text}"`))).toEqual([]);
});

test("a caller without a correlation ID receives the generated one", async () => {
  await using gateway = await startTestGateway();
  const { trailers } = await gateway.outcome(gateway.clients.keys, "countKeys", {});
  const [id] = correlationIn(trailers);
  expect(String(id)).toMatch(uuidV4);
  expect(gateway.emulator.requests.count({ correlationId: String(id) })).toBe(1);
});

test("the header correlation-id is accepted, and x-correlation-id takes precedence", async () => {
  await using gateway = await startTestGateway();
  const [first, second] = [randomUUID(), randomUUID()];
  const { keys } = gateway.clients;
  const alone = await gateway.outcome(
    keys,
    "countKeys",
    {},
    { metadata: { "correlation-id": first } },
  );
  const both = await gateway.outcome(
    keys,
    "countKeys",
    {},
    { metadata: { "correlation-id": first, "x-correlation-id": second } },
  );
  const spoilt = await gateway.outcome(
    keys,
    "countKeys",
    {},
    { metadata: { "correlation-id": first.toUpperCase(), "x-correlation-id": "no UUID" } },
  );
  expect([alone, both, spoilt].map(({ trailers }) => correlationIn(trailers)[0])).toEqual([
    first,
    second,
    first.toUpperCase(),
  ]);
  const sent = gateway.emulator.requests.list({ service: "keyprotect" });
  expect(sent.map(({ correlationId }) => correlationId)).toEqual([
    first,
    second,
    first.toUpperCase(),
  ]);
});

test("all upstream requests of a call carry its correlation ID", async () => {
  await using gateway = await startTestGateway();
  const keyId = await createKeyId(gateway);
  const id = randomUUID();
  gateway.emulator.tokens.revokeAll();
  await gateway.call(
    gateway.clients.actions,
    "rotateKey",
    rotateKeyRequest(keyId, { returnPreference: ReturnPreference.REPRESENTATION }),
    { metadata: { "x-correlation-id": id } },
  );
  const sent = gateway.emulator.requests.list({ correlationId: id, service: "keyprotect" });
  // The requests are the one whose token was rejected, its retry with a new token, and a read of
  // the key's state.
  expect(sent.map(({ operation, status }) => `${operation} ${status}`)).toEqual([
    "rotateKey 401",
    "rotateKey 204",
    "getKeyMetadata 200",
  ]);
});
