/** Reads the key of a request: which root key it names, and with which additional data. */
import type { SopsConfig } from "../../config/endpoint.ts";
import type { Key, KmsKey, VaultKey } from "../../gen/sops/keyservice.ts";
import type { FieldViolation } from "../../grpc/status/status-error.ts";
import { isUuid } from "../../platform/uuid.ts";
import { keyTypeUnsupported } from "../../service/errors/door-failures.ts";
import { keyId } from "../../service/validation/fields.ts";
import { all, check, fault, matching, type Rule } from "../../service/validation/rules.ts";
import { compileKeyPatterns } from "./key-patterns.ts";

/** A root key, and the additional data of what it wraps. */
export interface NamedKey {
  readonly keyId: string;
  readonly additionalData: string[];
}

/** Reads a key. Adds everything that is wrong with it to `violations`. */
export type ReadKey = (key: Key | undefined, violations: FieldViolation[]) => NamedKey;

/** The account in the ARNs of this endpoint. AWS gives it to nobody. */
const account = "000000000000";
const arnForm = /^arn:aws[\w-]*:kms:[^:]+:(\d+):(key|alias)\/([^/]+)$/;

/** Key Protect's limits of additional data. */
const maxStrings = 126;
const maxLength = 255;

const absent: Rule<string> = (value) =>
  value === "" ? undefined : fault("UNSUPPORTED", "has to be empty: there is no AWS here");

/**
 * Creates the reader of an endpoint's keys. Everyone who opens the socket chooses the key, and a
 * file that sops decrypts may come from anywhere, so each part is compared with the configuration
 * before anything is sent.
 */
export function createReadKey(endpoint: SopsConfig): ReadKey {
  const isAllowed = compileKeyPatterns(endpoint.keys);
  const allowed: Rule<string> = (value) =>
    isAllowed(value)
      ? undefined
      : fault("KEY_NOT_ALLOWED", "matches none of the keys of this endpoint");
  const keyRule = all(keyId, allowed);

  const fromVault = (key: VaultKey, violations: FieldViolation[]): NamedKey => {
    const at = "key.vault_key";
    check(violations, `${at}.vault_address`, key.vaultAddress.replace(/\/$/, ""), (value) =>
      value === endpoint.vaultAddress
        ? undefined
        : fault("ADDRESS_NOT_ALLOWED", "not the vaultAddress of this endpoint"),
    );
    check(violations, `${at}.engine_path`, key.enginePath, (value) =>
      value === endpoint.instance
        ? undefined
        : fault("INSTANCE_NOT_ALLOWED", "not the alias of this endpoint's instance"),
    );
    check(violations, `${at}.key_name`, key.keyName, keyRule);
    return { keyId: toKeyId(key.keyName), additionalData: [...endpoint.additionalData] };
  };

  const fromKms = (key: KmsKey, violations: FieldViolation[]): NamedKey => {
    const at = "key.kms_key";
    const [, owner, kind, name = ""] = arnForm.exec(key.arn) ?? [];
    check(violations, `${at}.arn`, key.arn, () => {
      if (owner === undefined) {
        return fault("FORMAT_INVALID", "arn:aws:kms:<any>:000000000000:key/<ID> or :alias/<alias>");
      }
      if (owner !== account) return fault("ACCOUNT_NOT_ALLOWED", `the account is not ${account}`);
      if ((kind === "key") !== isUuid(name)) {
        return fault("FORMAT_INVALID", "key/ and an ID (UUID), or alias/ and an alias");
      }
      return keyRule(name);
    });
    check(violations, `${at}.role`, key.role, absent);
    check(violations, `${at}.aws_profile`, key.awsProfile, absent);
    const context = Object.entries(key.context);
    const additionalData = [...endpoint.additionalData, ...context.map(toText).toSorted()];
    check(violations, `${at}.context`, additionalData, ({ length }) =>
      length > maxStrings ? fault("TOO_MANY", `at most ${maxStrings} strings in all`) : undefined,
    );
    check(violations, `${at}.context`, context, contextRule);
    return { keyId: toKeyId(name), additionalData };
  };

  return (key, violations) => {
    const type = key?.keyType;
    if (type === undefined) {
      violations.push({ field: "key", reason: "REQUIRED", description: "required" });
      return { keyId: "", additionalData: [] };
    }
    if (type.$case === "vaultKey") return fromVault(type.value, violations);
    if (type.$case === "kmsKey") return fromKms(type.value, violations);
    throw keyTypeUnsupported(type.$case.replaceAll(/[A-Z]/g, (upper) => `_${upper.toLowerCase()}`));
  };
}

/** Key Protect knows IDs in lower case only. Case matters in aliases. */
const toKeyId = (name: string): string => (isUuid(name) ? name.toLowerCase() : name);

const toText = ([name, value]: readonly [string, string]): string => `${name}=${value}`;

const nameRule = matching(
  /^[^=]+$/,
  "CHARACTER_FORBIDDEN",
  "names of at least one character, none of them =",
);
const textRule = matching(
  /^[^\p{Cc}\p{Cs}\uFFFD]*$/u,
  "CHARACTER_FORBIDDEN",
  "well-formed Unicode without control characters",
);

/** The description of a fault names no entry: names and values are the caller's. */
const contextRule: Rule<readonly (readonly [string, string])[]> = (entries) => {
  for (const entry of entries) {
    const text = toText(entry);
    const found = nameRule(entry[0]) ?? textRule(text);
    if (found !== undefined) return found;
    if (text.length > maxLength) {
      return fault("TOO_LONG", `name=value: at most ${maxLength} characters`);
    }
  }
  return undefined;
};
