import * as fc from "fast-check";
import { describe, expect, test } from "vitest";
import { Key, KeyState, KeyType } from "../../../../src/gen/keyprotect/v1/key.ts";
import type { KeyResource } from "../../../../src/keyprotect/resources.ts";
import { toKey, toKeyOfId } from "../../../../src/service/keys/key-message.ts";
import { keyId, keyResource } from "../fake-key-protect.ts";

describe("state", () => {
  test.each<[number, KeyState]>([
    [0, KeyState.PRE_ACTIVATION],
    [1, KeyState.ACTIVE],
    [2, KeyState.SUSPENDED],
    [3, KeyState.DEACTIVATED],
    [5, KeyState.DESTROYED],
  ])("state %i of the upstream becomes %i of the contract", (state, expected) => {
    expect(toKey(keyResource({ state })).state).toBe(expected);
    expect(expected).toBe(state + 1);
  });

  test("any other state number becomes UNSPECIFIED", () => {
    const other = fc.integer().filter((state) => ![0, 1, 2, 3, 5].includes(state));
    fc.assert(
      fc.property(other, (state) => {
        expect(toKey(keyResource({ state })).state).toBe(KeyState.UNSPECIFIED);
      }),
    );
  });

  test("an absent state becomes UNSPECIFIED", () => {
    expect(toKey(keyResource({ state: undefined })).state).toBe(KeyState.UNSPECIFIED);
  });
});

test.each([
  [true, KeyType.STANDARD],
  [false, KeyType.ROOT],
  [undefined, KeyType.UNSPECIFIED],
])("a key with extractable %s has type %i", (extractable, type) => {
  expect(toKey(keyResource({ extractable })).type).toBe(type);
});

test("the message of a key never contains material", () => {
  const key = toKey(keyResource({ payload: Buffer.from("material") }));
  expect(Buffer.from(Key.encode(key).finish()).includes("material")).toBe(false);
});

test("an alias is not used as the ID of a key", () => {
  expect(toKeyOfId(keyId)?.id).toBe(keyId);
  expect(toKeyOfId("orders")).toBeUndefined();
});

const text = fc.option(fc.string({ unit: "grapheme" }), { nil: undefined });
const time = fc.option(
  fc.date({ min: new Date("0001-01-01"), max: new Date("9999-12-31"), noInvalidDate: true }),
  { nil: undefined },
);
const flag = fc.option(fc.boolean(), { nil: undefined });
const resource: fc.Arbitrary<KeyResource> = fc.record({
  id: fc.uuid(),
  name: text,
  description: text,
  tags: fc.array(fc.string({ unit: "grapheme" })),
  state: fc.option(fc.integer(), { nil: undefined }),
  nonactiveStateReason: fc.option(fc.integer(), { nil: undefined }),
  extractable: flag,
  imported: flag,
  crn: text,
  createdBy: text,
  deletedBy: text,
  creationDate: time,
  lastUpdateDate: time,
  lastRotateDate: time,
  expirationDate: time,
  deletionDate: time,
  algorithm: fc.option(fc.record({ type: fc.string(), bitLength: fc.nat(), mode: fc.string() }), {
    nil: undefined,
  }),
  dualAuthDelete: fc.option(
    fc.record({ enabled: fc.boolean(), keySetForDeletion: flag, authExpiration: time }),
    { nil: undefined },
  ),
  rotation: fc.option(
    fc.record({
      enabled: fc.boolean(),
      intervalMonths: fc.option(fc.integer(), { nil: undefined }),
    }),
    { nil: undefined },
  ),
  keyVersion: fc.option(fc.record({ id: fc.uuid(), creationDate: time }), { nil: undefined }),
  keyRingId: text,
  aliases: fc.array(fc.string({ unit: "grapheme" })),
  purgeScheduledOn: time,
  restoreExpirationDate: time,
  purgeAllowedFrom: time,
  restoreAllowed: flag,
  purgeAllowed: flag,
  payload: fc.constant(undefined),
});

test("every key message survives encoding with all its fields", () => {
  fc.assert(
    fc.property(resource, (from) => {
      const key = toKey(from);
      expect(Key.decode(Key.encode(key).finish())).toEqual(key);
      expect(key).toMatchObject({
        id: from.id,
        name: from.name ?? "",
        description: from.description ?? "",
        tags: from.tags,
        nonactiveStateReason: from.nonactiveStateReason ?? 0,
        createTime: from.creationDate,
        updateTime: from.lastUpdateDate,
        lastRotateTime: from.lastRotateDate,
        expireTime: from.expirationDate,
        deleteTime: from.deletionDate,
        imported: from.imported ?? false,
        crn: from.crn ?? "",
        createdBy: from.createdBy ?? "",
        deletedBy: from.deletedBy ?? "",
        algorithm: from.algorithm,
      });
    }),
  );
});

test("numbers and dates that cannot be encoded are left out of the message", () => {
  const key = toKey(
    keyResource({
      nonactiveStateReason: 2 ** 40,
      creationDate: new Date(Number.NaN),
      algorithm: { type: "AES", bitLength: 0.5, mode: "GCM" },
    }),
  );
  expect(key).toMatchObject({ nonactiveStateReason: 0, algorithm: { bitLength: 0 } });
  expect(key.createTime).toBeUndefined();
  expect(Key.encode(key).finish()).toBeInstanceOf(Uint8Array);
});
