/** Cloud resource names (CRNs) of keys, which callers may use in place of key IDs. */

/** The parts of a key's CRN that the gateway needs. */
export interface KeyCrn {
  /** ID of the Key Protect instance. */
  readonly instanceId: string;
  /** ID of the key. */
  readonly keyId: string;
}

const uuid = "[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}";

/** `crn:v1:{cloud}:{type}:kms:{region}:a/{account}:{instance ID}:key:{key ID}` */
const pattern = new RegExp(
  `^crn:v1:[a-z0-9-]{1,64}:[a-z0-9-]{1,64}:kms:[a-z0-9-]{1,64}:a/[A-Za-z0-9-]{1,64}:(?<instanceId>${uuid}):key:(?<keyId>${uuid})$`,
  "i",
);

/** Reads the CRN of a key. `undefined` if the text is not one. */
export function parseKeyCrn(text: string): KeyCrn | undefined {
  const { instanceId, keyId } = pattern.exec(text)?.groups ?? {};
  return instanceId === undefined || keyId === undefined ? undefined : { instanceId, keyId };
}
