/**
 * Rules that hold for every field of every request, read from the contract: a new RPC or field is
 * tested without being named here. The rules of single fields are in `bad-input.test.ts`.
 */
import { ScalarType, type DescField, type DescMethod } from "@bufbuild/protobuf";
import { isReflectMessage } from "@bufbuild/protobuf/reflect";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { pathOf } from "../../scripts/contract/contract.ts";
import { readDocumentedContract } from "../../scripts/contract/documented-contract.ts";
import { itemRows, streamPaths } from "../../src/access/item-rows.ts";
import {
  BatchUnwrapKeyResponse,
  RewrapStreamResponse,
} from "../../src/gen/keyprotect/v1/key_actions_service.ts";
import { failureOf } from "../support/batch-results.ts";
import { decoded, encoded, validRequest } from "../support/contract-messages.ts";
import { wireClient, wireField } from "../support/golden-requests.ts";
import { statusDetails } from "../support/status-details.ts";
import { startTestGateway, type TestGateway } from "../support/start-gateway.ts";

const contract = readDocumentedContract();

let gateway: TestGateway;
beforeAll(async () => {
  gateway = await startTestGateway();
});
afterAll(() => gateway[Symbol.asyncDispose]());

/** A field of a request, for a list of tests. */
interface Case {
  readonly title: string;
  readonly method: DescMethod;
  readonly field: DescField;
}

const fieldsOfRequests: readonly Case[] = contract.methods.flatMap((method) =>
  method.input.fields.map((field) => ({ title: `${method.name}.${field.name}`, method, field })),
);

const scalarOf = (field: DescField): ScalarType | undefined =>
  field.fieldKind === "scalar" || (field.fieldKind === "list" && field.listKind === "scalar")
    ? field.scalar
    : undefined;

const isRequired = ({ field }: Case): boolean =>
  contract.paragraphsOf(field)[0]?.startsWith("Required.") === true;
const isText = ({ field }: Case): boolean => scalarOf(field) === ScalarType.STRING;
const isNumber = ({ field }: Case): boolean => scalarOf(field) === ScalarType.INT32;
const isEnum = ({ field }: Case): boolean => field.enum !== undefined;

/** The valid request of an RPC without the given field. */
function withoutField({ method, field }: Case): Buffer {
  const request = decoded(method.input, encoded(validRequest(method)));
  request.clear(field);
  return encoded(request);
}

/** The valid request of an RPC with the given bytes as the field's only value. */
const withBytes = (each: Case, value: Buffer): Buffer => Buffer.concat([withoutField(each), value]);

/** The field that holds the items of a batch. */
function itemFieldOf({ name, input }: DescMethod) {
  const [field] = input.fields;
  if (field?.fieldKind !== "list" || field.listKind !== "message") {
    throw new Error(`${name} has no list of items`);
  }
  return field;
}

/** Makes a call that has to be rejected because of the field alone, before a request is sent. */
async function expectRejected({ method, field }: Case, message: Buffer): Promise<string[]> {
  gateway.emulator.requests.clear();
  const client = wireClient(gateway.clients.keys, pathOf(method));
  const failure = await gateway.failure(client, "send", message);
  expect(failure.code).toBe("INVALID_ARGUMENT");
  expect(failure.reason).toBe(
    field.name === "page_token" ? "PAGE_TOKEN_INVALID" : "REQUEST_INVALID",
  );
  expect(gateway.upstreamRequests()).toEqual([]);
  const violations = failure.badRequest?.fieldViolations ?? [];
  const others = violations.filter(({ field: path }) => path.split(/[.[]/)[0] !== field.name);
  expect(others).toEqual([]);
  expect(violations.filter(({ description }) => description === "")).toEqual([]);
  return violations.map(({ reason }) => reason);
}

test.each(contract.methods)(
  "the valid request of $name is not rejected by the gateway",
  async (method) => {
    const client = wireClient(gateway.clients.keys, pathOf(method));
    const { error } = await gateway.outcome(client, "send", encoded(validRequest(method)));
    const info = error === null ? undefined : statusDetails(error).errorInfo;
    // Key Protect may reject it, for example because the key does not exist.
    if (info?.metadata["httpStatus"] !== "") return;
    expect(info.reason).toBe("OPERATION_UNSUPPORTED");
  },
);

describe("required fields", () => {
  test.each(fieldsOfRequests.filter(isRequired))(
    "a request without the required field $title is rejected",
    async (each) => {
      const reasons = await expectRejected(each, withoutField(each));
      expect(reasons).toHaveLength(1);
    },
  );
});

describe("texts", () => {
  const texts = fieldsOfRequests.filter(isText);

  test.each(texts)("a text of $title that is not UTF-8 is rejected", async (each) => {
    const malformed = Buffer.from([0x61, 0xed, 0xa0, 0x80, 0x62]);
    const reasons = await expectRejected(
      each,
      withBytes(each, wireField.bytes(each.field.number, malformed)),
    );
    expect(reasons.length).toBeGreaterThan(0);
  });

  test.each(texts)("a text of 100 KB as $title is rejected", async (each) => {
    const long = Buffer.alloc(100_000, "a");
    const reasons = await expectRejected(
      each,
      withBytes(each, wireField.bytes(each.field.number, long)),
    );
    expect(reasons.length).toBeGreaterThan(0);
  });
});

describe("numbers and enums", () => {
  test.each(fieldsOfRequests.filter(isNumber))("a negative $title is rejected", async (each) => {
    const reasons = await expectRejected(
      each,
      withBytes(each, wireField.number(each.field.number, -1)),
    );
    expect(reasons).toEqual(["OUT_OF_RANGE"]);
  });

  test.each(fieldsOfRequests.filter(isEnum))(
    "an unknown value of $title is rejected",
    async (each) => {
      for (const value of [99, -1]) {
        const reasons = await expectRejected(
          each,
          withBytes(each, wireField.number(each.field.number, value)),
        );
        expect(reasons).toEqual(["UNKNOWN_VALUE"]);
      }
    },
  );
});

describe("fields of items", () => {
  const fieldsOfItems: readonly Case[] = contract.methods
    .filter((method) => itemRows.has(pathOf(method)) && !streamPaths.has(pathOf(method)))
    .flatMap((method) =>
      itemFieldOf(method).message.fields.map((field) => ({
        title: `${method.name}.items.${field.name}`,
        method,
        field,
      })),
    );

  /** Sends a valid item and an invalid one. Returns the reasons of the second one's violations. */
  async function reasonsOfSecond(each: Case, value: Buffer): Promise<string[]> {
    const { method, field } = each;
    const list = itemFieldOf(method);
    const [valid] = validRequest(method).get(list);
    if (!isReflectMessage(valid)) throw new Error(`${method.name} has no item`);
    const invalid = decoded(list.message, encoded(valid));
    invalid.clear(field);
    gateway.emulator.requests.clear();
    const response = await gateway.call(
      wireClient(gateway.clients.keys, pathOf(method)),
      "send",
      Buffer.concat([
        wireField.bytes(list.number, encoded(valid)),
        wireField.bytes(list.number, Buffer.concat([encoded(invalid), value])),
      ]),
    );
    // The valid item alone is sent.
    expect(gateway.upstreamRequests()).toHaveLength(1);
    const { results } = BatchUnwrapKeyResponse.decode(response);
    const failure = failureOf(results[1] ?? {});
    expect(failure.reason).toBe("REQUEST_INVALID");
    const path = `items[1].${field.name}`;
    expect(failure.fields.filter((name) => !name.startsWith(path))).toEqual([]);
    return failure.badRequest?.fieldViolations.map(({ reason }) => reason) ?? [];
  }

  test.each(fieldsOfItems.filter(isRequired))(
    "an item without the required field $title fails alone",
    async (each) => {
      expect(await reasonsOfSecond(each, Buffer.alloc(0))).toHaveLength(1);
    },
  );

  test.each(fieldsOfItems.filter(isText))(
    "an item with a text of $title that is not UTF-8, or has 100 KB, fails alone",
    async (each) => {
      for (const text of [Buffer.from([0x61, 0xed, 0xa0, 0x80]), Buffer.alloc(100_000, "a")]) {
        const value = wireField.bytes(each.field.number, text);
        expect((await reasonsOfSecond(each, value)).length).toBeGreaterThan(0);
      }
    },
  );

  test("every RPC of batches has required fields and texts in its items", () => {
    for (const rule of [isRequired, isText]) {
      const methods = new Set(fieldsOfItems.filter(rule).map(({ method }) => method.name));
      expect(methods.size).toBe(itemRows.size - streamPaths.size);
    }
  });
});

/** RewrapStream, and the field of its items. */
function streamOfItems() {
  const method = contract.methods.find((each) => streamPaths.has(pathOf(each)));
  const itemField = method?.input.fields.find(({ name }) => name === "item");
  if (method === undefined || itemField?.fieldKind !== "message") throw new Error("no stream");
  return { method, itemField };
}

describe("items of a stream", () => {
  const { method, itemField } = streamOfItems();
  const fields = itemField.message.fields.map((field) => ({
    title: `${method.name}.item.${field.name}`,
    method,
    field,
  }));

  /** Sends one item. Returns the reasons of its violations. */
  async function reasonsOf({ field }: Case, value: Buffer): Promise<string[]> {
    gateway.emulator.requests.clear();
    const item = decoded(itemField.message, encoded(validRequest(method).get(itemField)));
    item.clear(field);
    const message = wireField.bytes(itemField.number, Buffer.concat([encoded(item), value]));
    const client = wireClient(gateway.clients.keys, pathOf(method));
    // A unary client sends one message, and gets one.
    const answer = RewrapStreamResponse.decode(await gateway.call(client, "send", message));
    expect(gateway.upstreamRequests()).toEqual([]);
    const failure = failureOf(answer);
    expect(failure.reason).toBe("REQUEST_INVALID");
    const path = `item.${field.name}`;
    expect(failure.fields.filter((name) => !name.startsWith(path))).toEqual([]);
    return failure.badRequest?.fieldViolations.map(({ reason }) => reason) ?? [];
  }

  test.each(fields.filter(isRequired))(
    "an item without the required field $title fails, and the stream ends with OK",
    async (each) => {
      expect(await reasonsOf(each, Buffer.alloc(0))).toHaveLength(1);
    },
  );

  test.each(fields.filter(isText))(
    "an item with a text of $title that is not UTF-8, or has 100 KB, fails",
    async (each) => {
      for (const text of [Buffer.from([0x61, 0xed, 0xa0, 0x80]), Buffer.alloc(100_000, "a")]) {
        const value = wireField.bytes(each.field.number, text);
        expect((await reasonsOf(each, value)).length).toBeGreaterThan(0);
      }
    },
  );
});

test("the contract has fields for each of these rules", () => {
  for (const rule of [isRequired, isText, isNumber, isEnum]) {
    expect(fieldsOfRequests.filter(rule).length).toBeGreaterThan(5);
  }
});
