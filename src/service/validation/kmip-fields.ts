/** The rules of the fields of KMIP requests. */
import { X509Certificate } from "node:crypto";
import { KmipObjectState } from "../../gen/keyprotect/kmip/v1/kmip_objects_service.ts";
import { uuidPattern } from "../../platform/uuid.ts";
import { keyId } from "./fields.ts";
import { all, each, fault, known, matching, notMatching, optional, type Rule } from "./rules.ts";

const idOrName: Rule<string> = (value) => {
  if (value === "") return fault("REQUIRED", "required");
  return /^[A-Za-z0-9_-]{1,90}$/.test(value)
    ? undefined
    : fault(
        "FORMAT_INVALID",
        "an ID (UUID) or a name: up to 90 letters, digits, underscores and hyphens",
      );
};

/** The ID or name of an adapter. */
export const kmipAdapter: Rule<string> = idOrName;

/** The ID or name of a certificate. */
export const kmipCertificate: Rule<string> = idOrName;

/** The ID of an object, which has no name. */
export const kmipObjectId: Rule<string> = (value) => {
  if (value === "") return fault("REQUIRED", "required");
  return uuidPattern.test(value) ? undefined : fault("FORMAT_INVALID", "an object ID (UUID)");
};

/** The name of a new adapter or certificate. Optional. */
export const newKmipName: Rule<string> = optional(
  all(
    matching(
      /^[A-Za-z0-9_-]{2,40}$/,
      "FORMAT_INVALID",
      "2 to 40 letters, digits, underscores and hyphens",
    ),
    notMatching(uuidPattern, "FORMAT_INVALID", "not a UUID"),
  ),
);

/** The profile of an adapter where the request names none. */
export const defaultKmipProfile = "native_1.0";

/** The profile of a new adapter. Optional. */
export const kmipProfile: Rule<string> = (value) =>
  value === "" || value === defaultKmipProfile
    ? undefined
    : fault("UNKNOWN_VALUE", `only ${defaultKmipProfile}`);

/** The root key of a new adapter: its ID or alias. */
export const rootKeyId: Rule<string> = keyId;

/**
 * The root key of the adapters to list: its ID. Key Protect compares the text with the IDs of root
 * keys, so an alias would find nothing.
 */
export const listedRootKeyId: Rule<string> = optional(
  matching(uuidPattern, "FORMAT_INVALID", "a key ID (UUID) or a CRN"),
);

/** The states of the objects to list. */
export const kmipObjectStates: Rule<readonly number[]> = each(
  known("KMIP_OBJECT_STATE_", KmipObjectState, false),
  6,
);

const maxPemLength = 16_384;
const onePem = /^\s*-----BEGIN CERTIFICATE-----([A-Za-z0-9+/=\r\n]+)-----END CERTIFICATE-----\s*$/;

/** Whether a text is base64 of exactly one X.509 certificate, without anything behind it. */
function isCertificate(base64: string): boolean {
  const text = base64.replaceAll(/[\r\n]/g, "");
  const der = Buffer.from(text, "base64");
  try {
    return der.toString("base64") === text && new X509Certificate(der).raw.equals(der);
  } catch {
    return false;
  }
}

/**
 * A certificate as PEM. A private key, which people keep in the same file, is refused before it
 * goes anywhere. No description quotes the text.
 */
export const certificatePem: Rule<string> = (value) => {
  if (value === "") return fault("REQUIRED", "required: one certificate as PEM text");
  if (value.includes("PRIVATE KEY")) {
    return fault(
      "PRIVATE_KEY_FORBIDDEN",
      "contains a private key; send the certificate alone, and replace the key if the way to the gateway is not trusted with it",
    );
  }
  if (value.length > maxPemLength) return fault("TOO_LONG", `at most ${maxPemLength} characters`);
  const [, base64] = onePem.exec(value) ?? [];
  if (base64 === undefined) {
    return fault("FORMAT_INVALID", "one PEM block of type CERTIFICATE, and nothing else");
  }
  return isCertificate(base64)
    ? undefined
    : fault("CERTIFICATE_INVALID", "not an X.509 certificate");
};
