/**
 * The `key_id` of the protocol: it names the version of a root key. It is new after each rotation,
 * the same on all replicas, and never used again.
 */

/** A version of a root key. UUIDs in lower case. */
export interface KeyVersion {
  readonly instanceId: string;
  readonly keyId: string;
  readonly keyVersionId: string;
}

/** Formats a `key_id`: `<instance ID>/<key ID>/<key version ID>`, 110 characters. */
export const formatKeyId = ({ instanceId, keyId, keyVersionId }: KeyVersion): string =>
  [instanceId, keyId, keyVersionId].join("/").toLowerCase();

const uuid = "[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}";
const pattern = new RegExp(`^(?<instanceId>${uuid})/(?<keyId>${uuid})/(?<keyVersionId>${uuid})$`);

/** Parses a `key_id`. `undefined` if `formatKeyId` gives no such text. */
export function parseKeyId(text: string): KeyVersion | undefined {
  const { instanceId, keyId, keyVersionId } = pattern.exec(text)?.groups ?? {};
  if (instanceId === undefined || keyId === undefined || keyVersionId === undefined) {
    return undefined;
  }
  return { instanceId, keyId, keyVersionId };
}
