/** What single fields of the requests have to be. Limits are Key Protect's; where its generations differ, the looser one. */
import { ReturnPreference, KeyType } from "../../gen/keyprotect/v1/key.ts";
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
import { uuidPattern } from "../../platform/uuid.ts";

/** Words that Key Protect forbids as aliases because they are parts of its paths. */
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

/** The ID or an alias of a key. Nothing that it admits means anything in a path or query. */
export const keyId: Rule<string> = all(
  required,
  matching(
    /^[A-Za-z0-9][A-Za-z0-9_-]{1,89}$/,
    "FORMAT_INVALID",
    "a key ID (UUID) or an alias: 2 to 90 letters, digits, underscores and hyphens, the first a letter or digit",
  ),
  (value) =>
    reservedWords.has(value)
      ? fault("RESERVED_WORD", "a reserved word, which no key can have as alias")
      : undefined,
);

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

export const description: Rule<string> = optional(text(2, 240));

export const tags: Rule<readonly string[]> = each(
  all(
    text(1, 30),
    notMatching(/[<>,:&|]/, "CHARACTER_FORBIDDEN", "none of the characters < > , : & |"),
  ),
  30,
);

/** `ROOT` or `STANDARD`: the upstream's own default would make a key exportable by omission. */
export const keyType: Rule<number> = known(KeyType, false);

/** Unspecified means minimal. */
export const returnPreference: Rule<number> = known(ReturnPreference, true);

/** The last moment that RFC 3339 can write. */
const lastMomentMs = Date.UTC(9999, 11, 31, 23, 59, 59, 999);

/** Absent, or a moment after `wallNow` (milliseconds since the Unix epoch). */
export const expireTime =
  (wallNow: number): Rule<Date | undefined> =>
  (value) => {
    if (value === undefined) return undefined;
    const at = value.getTime();
    if (Number.isNaN(at) || at > lastMomentMs) return fault("FORMAT_INVALID", "not a valid time");
    // Key Protect keeps whole seconds, and the gateway cuts fractions off rather than letting a key live longer.
    const atSecond = Math.floor(at / 1_000) * 1_000;
    return atSecond > wallNow ? undefined : fault("NOT_IN_FUTURE", "a time in the future");
  };

/** What is to be wrapped: 4,096 characters of base64. */
export const plaintext: Rule<Uint8Array> = all(
  (value) =>
    value.length === 0
      ? fault("REQUIRED", "required: 1 to 3072 bytes; to have a key generated, use GenerateDataKey")
      : undefined,
  bytes(1, 3072),
);

export const ciphertext: Rule<Uint8Array> = bytes(1, 16_384);

export const additionalAuthenticatedData: Rule<readonly string[]> = each(text(0, 255), 126);

/** 0 means the default. */
export const pageSize: Rule<number> = integer(0, 2 ** 31 - 1);

export const skip: Rule<number> = integer(0, 2 ** 31 - 1);

export const rotationInterval: Rule<number> = integer(1, 12);

/** 0 means 1. */
export const maxAllowedRetrievals: Rule<number> = integer(0, 500);

/** Absent, or whole seconds from 5 minutes to 24 hours. */
export const timeToLive: Rule<Duration | undefined> = (value) =>
  value === undefined || (value.nanos === 0 && value.seconds >= 300n && value.seconds <= 86_400n)
    ? undefined
    : fault("OUT_OF_RANGE", "whole seconds from 300 to 86400");

export const requestId: Rule<string> = optional(matching(uuidPattern, "FORMAT_INVALID", "a UUID"));
