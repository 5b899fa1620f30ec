/**
 * Requests that break a rule: the response names all violations, and nothing reaches Key Protect.
 */
import type { Metadata } from "@grpc/grpc-js";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { KeyType, ReturnPreference } from "../../src/gen/keyprotect/v1/key.ts";
import { toPageToken } from "../../src/service/keys/page-token.ts";
import { badInputs, badKeyIds, badLockerIds } from "../support/bad-input-cases.ts";
import {
  goldenRequests as golden,
  wireClient,
  wireField,
  type RpcName,
  type WireRequest,
} from "../support/golden-requests.ts";
import { readContract } from "../../scripts/contract/contract.ts";
import { descriptorSet } from "../../src/gen/descriptor-set.ts";
import { startTestGateway, type Failure, type TestGateway } from "../support/start-gateway.ts";

type Dialect = "2019" | "current";
const dialects = ["2019", "current"] as const;

const gateways = new Map<Dialect, TestGateway>();
beforeAll(async () => {
  for (const dialect of dialects) gateways.set(dialect, await startTestGateway({ dialect }));
}, 60_000);
afterAll(async () => {
  for (const gateway of gateways.values()) await gateway[Symbol.asyncDispose]();
}, 60_000);

function gatewayOf(dialect: Dialect): TestGateway {
  const gateway = gateways.get(dialect);
  if (gateway === undefined) throw new Error(`no gateway speaks ${dialect}`);
  return gateway;
}

/**
 * Makes a call that must fail without a request to Key Protect, and checks that the next call
 * succeeds.
 */
async function refusal(
  { path, message }: WireRequest,
  dialect: Dialect = "current",
  addTo?: (metadata: Metadata) => void,
): Promise<Failure> {
  const gateway = gatewayOf(dialect);
  gateway.emulator.requests.clear();
  const failure = await gateway.failure(
    wireClient(gateway.clients.keys, path, addTo),
    "send",
    message,
  );
  expect(gateway.upstreamRequests()).toEqual([]);
  expect(failure.errorInfo).toMatchObject({
    domain: "keyprotect-gateway",
    metadata: {
      method: path.slice(1),
      attempts: "0",
      httpStatus: "",
      upstreamReason: "",
      mayHaveExecuted: "false",
      correlationId: failure.correlationId,
    },
  });
  expect(failure.retryInfo).toBeUndefined();
  const details = failure.error.metadata.get("grpc-status-details-bin")[0];
  expect(Buffer.from(details ?? "").toString("base64").length).toBeLessThanOrEqual(4_096);
  await gateway.call(gateway.clients.keys, "countKeys", {});
  return failure;
}

const found = ({ badRequest }: Failure): readonly (readonly [string, string])[] =>
  (badRequest?.fieldViolations ?? []).map(({ field, reason }) => [field, reason] as const);

async function expectInvalid(
  request: WireRequest,
  expected: readonly (readonly [string, string])[],
  dialect?: Dialect,
): Promise<void> {
  const failure = await refusal(request, dialect);
  expect([failure.code, failure.reason, found(failure)]).toEqual([
    "INVALID_ARGUMENT",
    "REQUEST_INVALID",
    expected,
  ]);
  for (const { description } of failure.badRequest?.fieldViolations ?? []) {
    expect(description).not.toBe("");
  }
}

const shown = (id: string | Buffer): string => JSON.stringify(id.toString("latin1").slice(0, 60));
const bytesOf = (id: string | Buffer): Buffer => (Buffer.isBuffer(id) ? id : Buffer.from(id));

const contract = readContract(Buffer.from(descriptorSet, "base64"));
const isRpcName = (name: string): name is RpcName => Object.hasOwn(golden, name);

test("every RPC of the contract has a valid request to start from", () => {
  expect(Object.keys(golden).toSorted()).toEqual(
    contract.methods.map(({ name }) => name).toSorted(),
  );
});

/** Lists that cover all keys if the request names none. */
const ofAllKeys: ReadonlySet<string> = new Set(["ListRegistrations"]);

/** The RPCs that name a key. */
const keyRpcs = contract.methods.flatMap(({ name, input }) => {
  const field = input.fields.find((each) => each.name === "key_id");
  return field !== undefined && isRpcName(name) ? [{ name, number: field.number }] : [];
});

describe.each(keyRpcs)("$name", ({ name: rpc, number }) => {
  const bad = badKeyIds.filter(([id]) => id !== "" || !ofAllKeys.has(rpc));
  test.each(bad.map(([id, reason]) => [shown(id), id, reason] as const))(
    `${rpc} rejects the key ID %s`,
    async (_, id, reason) => {
      await expectInvalid(golden[rpc]({}, wireField.bytes(number, bytesOf(id))), [
        ["key_id", reason],
      ]);
    },
  );
});

describe("RetrieveLocker", () => {
  test.each(badLockerIds.map(([id, reason]) => [shown(id), id, reason] as const))(
    "RetrieveLocker rejects the locker ID %s",
    async (_, id, reason) => {
      await expectInvalid(golden.RetrieveLocker({}, wireField.bytes(1, bytesOf(id))), [
        ["locker_id", reason],
      ]);
    },
  );
});

describe.each(dialects)("bad requests to an instance of the %s API", (dialect) => {
  const cases = badInputs.filter((input) => (input.dialect ?? dialect) === dialect);
  test.each(cases)(
    `a bad request in the ${dialect} API is rejected with all violations: $title`,
    async ({ request, found: expected }) => {
      const { secrets } = gatewayOf(dialect);
      await expectInvalid(
        request((length) => secrets.bytes(length)),
        expected,
        dialect,
      );
    },
  );
});

test("an error names all violations as long as they fit", async () => {
  const tags = Array.from({ length: 30 }, () => "a,b");
  await expectInvalid(golden.CreateKey({ name: "", tags }), [
    ["name", "REQUIRED"],
    ...tags.map((_, at) => [`tags[${at}]`, "CHARACTER_FORBIDDEN"] as const),
  ]);
});

test("an error counts violations that do not fit, and names the first of them", async () => {
  const additionalAuthenticatedData = Array<string>(126).fill("a".repeat(256));
  const failure = await refusal(golden.WrapKey({ additionalAuthenticatedData }));
  expect(found(failure)).toEqual(
    Array.from({ length: 8 }, (_, at) => [`additional_authenticated_data[${at}]`, "TOO_LONG"]),
  );
  expect(failure.errorInfo?.metadata["violationCount"]).toBe("126");
  expect(failure.message).toContain("and 125 more violations");
});

describe("a request ID", () => {
  test.each([
    ["CreateKey", golden.CreateKey],
    ["RotateKey", golden.RotateKey],
  ] as const)("a request ID without a store is rejected by %s", async (_, make) => {
    const failure = await refusal(make({ requestId: "11111111-2222-4333-8444-555555555555" }));
    expect([failure.code, failure.reason, found(failure)]).toEqual([
      "INVALID_ARGUMENT",
      "REQUEST_ID_UNSUPPORTED",
      [["request_id", "UNSUPPORTED"]],
    ]);
  });
});

describe("a page token", () => {
  const token = toPageToken({ offset: 200, anchor: "a-key" }, ["default", "keys", ""]);
  const flipped = Buffer.from(token, "base64url");
  flipped.writeUInt8(flipped.readUInt8(3) ^ 1, 3);

  test.each([
    ["of another instance", toPageToken({ offset: 200, anchor: "a-key" }, ["other", "keys", ""])],
    ["of another list", toPageToken({ offset: 200, anchor: "a-key" }, ["default", "lockers", ""])],
    ["with a flipped bit", flipped.toString("base64url")],
    ["cut short", token.slice(0, -1)],
    ["with a character more", `${token}A`],
    ["in padded base64", `${token}==`],
    ["with a blank", ` ${token}`],
    ["that is an offset", "200"],
    ["that is JSON", '{"offset":200}'],
    ["of blanks", "   "],
    ["of 100 KB", "A".repeat(100_000)],
    ["of NUL", "\0"],
  ])("a page token %s is rejected", async (_, pageToken) => {
    for (const request of [golden.ListKeys({ pageToken }), golden.ListLockers({ pageToken })]) {
      const failure = await refusal(request);
      expect([failure.code, failure.reason, found(failure)]).toEqual([
        "INVALID_ARGUMENT",
        "PAGE_TOKEN_INVALID",
        [["page_token", "TOKEN_INVALID"]],
      ]);
    }
  });

  test("a page token that is not UTF-8 is rejected", async () => {
    const bytes = Buffer.concat([Buffer.from(token), Buffer.from([0xff])]);
    const failure = await refusal(golden.ListKeys({}, wireField.bytes(2, bytes)));
    expect(failure.reason).toBe("PAGE_TOKEN_INVALID");
  });

  test("a valid page token of this list leads to a request to Key Protect", async () => {
    const gateway = gatewayOf("current");
    gateway.emulator.requests.clear();
    const first = toPageToken({ offset: 1, anchor: "a-key" }, ["default", "keys", ""]);
    await gateway
      .call(gateway.clients.keys, "listKeys", { pageSize: 1, pageToken: first, skip: 0 })
      .catch(() => {});
    expect(gateway.upstreamRequests().length).toBeGreaterThan(0);
  });
});

describe("x-kp-instance", () => {
  test.each([
    ["an alias that is not configured", "other"],
    ["an alias in capitals", "DEFAULT"],
    ["the instance's ID", "e0a1b2c3-0000-4000-8000-000000000001"],
    ["a path", "default/../other"],
    ["a property of objects", "__proto__"],
    ["a list", "default,default"],
    ["nothing", ""],
    ["a kilobyte", "d".repeat(1_024)],
    ["markup", "<b>default</b>"],
  ])("x-kp-instance is rejected with %s", async (_, alias) => {
    const request = golden.GetKey();
    const failure = await refusal(request, "current", (m) => m.set("x-kp-instance", alias));
    expect([failure.code, failure.reason]).toEqual(["INVALID_ARGUMENT", "INSTANCE_UNKNOWN"]);
    expect(failure.message).not.toContain("<");
    expect(failure.message.length).toBeLessThan(200);
  });

  test("x-kp-instance is rejected if it occurs twice, even with the same alias", async () => {
    const failure = await refusal(golden.GetKey(), "current", (metadata) => {
      metadata.add("x-kp-instance", "default");
      metadata.add("x-kp-instance", "default");
    });
    expect([failure.code, failure.reason]).toEqual(["INVALID_ARGUMENT", "INSTANCE_UNKNOWN"]);
  });

  test("x-kp-instance is checked before the fields", async () => {
    const request = golden.WrapKey({ keyId: "../x", plaintext: Buffer.alloc(0) });
    const failure = await refusal(request, "current", (m) => m.set("x-kp-instance", "other"));
    expect([failure.reason, failure.badRequest]).toEqual(["INSTANCE_UNKNOWN", undefined]);
  });
});

describe("request metadata", () => {
  test.each<[string, (metadata: Metadata) => void]>([
    [
      "of 80 entries",
      (m) => Array.from({ length: 80 }, (_, at) => m.set(`x-entry-${at}`, "value")),
    ],
    ["of 17 KB in one entry", (m) => m.set("x-large", "x".repeat(17_000))],
    ["of 13 KB in a binary entry", (m) => m.set("x-large-bin", Buffer.alloc(13_000))],
    ["of 60 KB", (m) => m.set("x-large", "x".repeat(60_000))],
  ])("request metadata %s is rejected, whatever the fields are", async (_, addTo) => {
    for (const request of [golden.CountKeys(), golden.GetKey({ keyId: "../x" })]) {
      const failure = await refusal(request, "current", addTo);
      expect([failure.code, failure.reason]).toEqual(["RESOURCE_EXHAUSTED", "METADATA_TOO_LARGE"]);
      expect(failure.errorInfo?.metadata).toMatchObject({ maxBytes: "16384", maxEntries: "64" });
    }
  });
});

describe("operations that a dialect lacks", () => {
  test("ListLockers in the current API is rejected without a request", async () => {
    const failure = await refusal(golden.ListLockers(), "current");
    expect([failure.code, failure.reason]).toEqual(["UNIMPLEMENTED", "OPERATION_UNSUPPORTED"]);
  });

  test("a dual-authorization policy in the 2019 API is rejected without a request", async () => {
    const dualAuth = wireField.bytes(2, wireField.bytes(11, wireField.number(1, 1)));
    const request = golden.ReplaceKeyPolicies({ policies: [] }, dualAuth);
    const failure = await refusal(request, "2019");
    expect([failure.code, failure.reason]).toEqual(["UNIMPLEMENTED", "OPERATION_UNSUPPORTED"]);
  });
});

describe("the largest valid values", () => {
  test.each<[string, (secret: (length: number) => Buffer) => WireRequest]>([
    [
      "WrapKey",
      (secret) =>
        golden.WrapKey({
          keyId: "k".repeat(90),
          plaintext: secret(3_072),
          additionalAuthenticatedData: Array<string>(126).fill("é".repeat(255)),
        }),
    ],
    [
      "UnwrapKey",
      (secret) =>
        golden.UnwrapKey({
          ciphertext: secret(16_384),
          additionalAuthenticatedData: Array<string>(126).fill("a".repeat(255)),
        }),
    ],
  ])("%s sends the largest valid values to Key Protect", async (_, make) => {
    const gateway = gatewayOf("current");
    gateway.emulator.requests.clear();
    const { path, message } = make((length) => gateway.secrets.bytes(length));
    const client = wireClient(gateway.clients.keys, path);
    const failure = await gateway.failure(client, "send", message);
    expect(failure.reason).toBe("KEY_NOT_FOUND");
    expect(gateway.upstreamRequests()).toHaveLength(1);
  });

  test("CreateKey sends the largest valid values to Key Protect", async () => {
    const gateway = gatewayOf("current");
    const created = await gateway.call(gateway.clients.keys, "createKey", {
      name: "n".repeat(90),
      type: KeyType.STANDARD,
      description: "d".repeat(240),
      tags: Array.from({ length: 30 }, (_, at) => `${at}`.padEnd(30, "t")),
      expireTime: new Date("9999-12-31T23:59:59Z"),
      material: { $case: "keyMaterial", value: gateway.secrets.bytes(7_500) },
      returnPreference: ReturnPreference.REPRESENTATION,
      requestId: "",
    });
    expect(created.key?.tags).toHaveLength(30);
    expect(created.keyMaterial).toHaveLength(7_500);
  });
});
