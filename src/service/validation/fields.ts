/**
 * The rules of single request fields. The limits are those of Key Protect. Where its API dialects
 * differ, the looser limit applies.
 */
import { ReturnPreference, KeyType } from "../../gen/keyprotect/v1/key.ts";
import { RewrapStreamOrder } from "../../gen/keyprotect/v1/key_actions_service.ts";
import type { PolicyOverrides } from "../../gen/keyprotect/v1/keys_service.ts";
import type { Duration } from "../../gen/google/protobuf/duration.ts";
import {
  all,
  bytes,
  each,
  fault,
  integer,
  known,
  matching,
  notMatching,
  optional,
  text,
  type Rule,
} from "./rules.ts";
import { isKeyRingId, keyRingIdForm } from "../../access/key-ring-id.ts";
import { uuidPattern } from "../../platform/uuid.ts";

/** Words that Key Protect does not allow as aliases, because its paths contain them. */
const reservedWords: ReadonlySet<string> = new Set([
  "allowed_ip",
  "key",
  "keys",
  "metadata",
  "policy",
  "policies",
  "registration",
  "registrations",
  "ring",
  "rings",
  "rotate",
  "wrap",
  "unwrap",
  "rewrap",
  "version",
  "versions",
]);

const required: Rule<string> = (value) =>
  value === "" ? fault("REQUIRED", "required") : undefined;

const keyIdPattern = /^[A-Za-z0-9][A-Za-z0-9_-]{1,89}$/;

/** The ID or an alias of a key. A valid one has no meaning of its own in a path or query. */
export const keyId: Rule<string> = (value) => {
  if (keyIdPattern.test(value)) {
    return reservedWords.has(value)
      ? fault("RESERVED_WORD", "a reserved word, which is not allowed as an alias")
      : undefined;
  }
  return value === ""
    ? fault("REQUIRED", "required")
    : fault(
        "FORMAT_INVALID",
        "a key ID (UUID), a CRN or an alias: 2 to 90 letters, digits, underscores and hyphens, the first a letter or digit",
      );
};

/** An alias that a key is to get. */
export const newAlias: Rule<string> = (value) =>
  uuidPattern.test(value) ? fault("FORMAT_INVALID", "not a UUID") : keyId(value);

/** The aliases of a new key. */
export const newAliases: Rule<readonly string[]> = (values) =>
  each(newAlias, 5)(values) ??
  (new Set(values).size === values.length
    ? undefined
    : fault("DUPLICATE", "each alias at most once"));

/** The policies of a new key. Absent: those of the instance. */
export const policyOverrides: Rule<PolicyOverrides | undefined> = (value) => {
  const rotation = value?.rotation;
  if (rotation === undefined || rotation.enabled === false) return undefined;
  return rotationInterval(rotation.intervalMonths)?.map((found) => ({
    ...found,
    at: ".rotation.interval_months",
  }));
};

/** The ID of a key ring. */
export const keyRingId: Rule<string> = (value) => {
  if (value === "") return fault("REQUIRED", `required: ${keyRingIdForm}`);
  return isKeyRingId(value) ? undefined : fault("FORMAT_INVALID", keyRingIdForm);
};

/** The mask of UpdateKey: empty, or the one field that can be changed. */
export const keyUpdateMask: Rule<readonly string[]> = (paths) =>
  paths.every((path) => path === "key_ring_id")
    ? undefined
    : fault("UNKNOWN_VALUE", "only key_ring_id can be changed");

/** The ID of a locker. */
export const lockerId: Rule<string> = all(
  required,
  matching(uuidPattern, "FORMAT_INVALID", "a locker ID (UUID)"),
);

/** The display name of a key. */
export const keyName: Rule<string> = all(
  text(2, 90),
  notMatching(/\p{Cc}/u, "CHARACTER_FORBIDDEN", "no control characters"),
);

/** The description of a key. Optional. */
export const description: Rule<string> = optional(text(2, 240));

/** The tags of a key. */
export const tags: Rule<readonly string[]> = each(
  all(
    text(1, 30),
    notMatching(/[<>,:&|]/, "CHARACTER_FORBIDDEN", "none of the characters < > , : & |"),
  ),
  30,
);

/** The type of a key. Required, because the upstream's default is an extractable key. */
export const keyType: Rule<number> = known("KEY_TYPE_", KeyType, false);

/** The return preference. Default: minimal. */
export const returnPreference: Rule<number> = known("RETURN_PREFERENCE_", ReturnPreference, true);

/** The last time that RFC 3339 can express. */
const lastMomentMs = Date.UTC(9999, 11, 31, 23, 59, 59, 999);

/** Absent, or a time after `wallNow` (milliseconds since the Unix epoch). */
export const expireTime =
  (wallNow: number): Rule<Date | undefined> =>
  (value) => {
    if (value === undefined) return undefined;
    const at = value.getTime();
    if (Number.isNaN(at) || at > lastMomentMs) return fault("FORMAT_INVALID", "not a valid time");
    // Key Protect keeps whole seconds. The gateway rounds down, so that no key lives longer.
    const atSecond = Math.floor(at / 1_000) * 1_000;
    return atSecond > wallNow ? undefined : fault("NOT_IN_FUTURE", "must be a time in the future");
  };

/** Largest plaintext of a wrap, in bytes: 4,096 characters of base64. */
const maxPlaintextBytes = 3_072;

/** The plaintext of a wrap. */
export const plaintext: Rule<Uint8Array> = ({ length }) => {
  if (length > maxPlaintextBytes) return fault("TOO_LONG", `at most ${maxPlaintextBytes} bytes`);
  return length > 0
    ? undefined
    : fault("REQUIRED", "required: 1 to 3072 bytes; to generate a key, use GenerateDataKey");
};

/** The ciphertext of an unwrap. */
export const ciphertext: Rule<Uint8Array> = bytes(1, 16_384);

/** Additional authenticated data of a wrap or unwrap. */
export const additionalAuthenticatedData: Rule<readonly string[]> = each(text(0, 255), 126);

/** A page size. 0 means the default. */
export const pageSize: Rule<number> = integer(0, 2 ** 31 - 1);

/** The number of items to skip. */
export const skip: Rule<number> = integer(0, 2 ** 31 - 1);

/** The interval of a rotation policy, in months. */
export const rotationInterval: Rule<number> = integer(1, 12);

/** The number of retrievals of a locker. 0 means 1. */
export const maxAllowedRetrievals: Rule<number> = integer(0, 500);

/** The lifetime of a locker: absent, or whole seconds from 5 minutes to 24 hours. */
export const timeToLive: Rule<Duration | undefined> = (value) =>
  value === undefined || (value.nanos === 0 && value.seconds >= 300n && value.seconds <= 86_400n)
    ? undefined
    : fault("OUT_OF_RANGE", "whole seconds from 300 to 86400");

/** A request ID. Optional. */
export const requestId: Rule<string> = optional(matching(uuidPattern, "FORMAT_INVALID", "a UUID"));

/** Most items of a batch. */
export const maxBatchItems = 100;

/** The items of a batch. The rules of each item apply to that item alone. */
export const batchItems: Rule<readonly unknown[]> = ({ length }) => {
  if (length === 0) return fault("REQUIRED", `required: 1 to ${maxBatchItems} items`);
  return length > maxBatchItems ? fault("TOO_MANY", `at most ${maxBatchItems} items`) : undefined;
};

/** The ID that a caller gives an item of a stream. Optional. */
export const itemId: Rule<string> = matching(
  /^[\x20-\x7e]{0,128}$/,
  "FORMAT_INVALID",
  "up to 128 printable characters of ASCII",
);

/** The order of the answers of a stream. Default: as sent. */
export const streamOrder: Rule<number> = known("REWRAP_STREAM_ORDER_", RewrapStreamOrder, true);
