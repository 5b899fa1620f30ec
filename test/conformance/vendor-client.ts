/** IBM's published Node client of Key Protect, with the types that the tests need. */
import { createRequire } from "node:module";
import { Readable } from "node:stream";
import { text } from "node:stream/consumers";
import type { Emulator } from "../../src/emulator/emulator.ts";

/** The client's result for a successful call. */
export interface VendorResponse {
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;
  readonly result: unknown;
}

/** The error that the client throws for a rejected call. */
export interface VendorFailure extends Error {
  readonly status: number;
  readonly statusText: string;
  /** The JSON text. For `restoreKey` the client returns an unread stream instead. */
  readonly body: string | Readable;
  readonly headers: Readonly<Record<string, string>>;
}

/** The operations of the client. */
export type VendorOperation =
  | "createKeyAlias"
  | "deleteKeyAlias"
  | "postImportToken"
  | "getImportToken"
  | "wrapKey"
  | "unwrapKey"
  | "rewrapKey"
  | "rotateKey"
  | "setKeyForDeletion"
  | "unsetKeyForDeletion"
  | "enableKey"
  | "disableKey"
  | "syncAssociatedResources"
  | "listKeyRings"
  | "createKeyRing"
  | "deleteKeyRing"
  | "getKeyCollectionMetadata"
  | "createKey"
  | "getKeys"
  | "getKey"
  | "deleteKey"
  | "getKeyMetadata"
  | "restoreKey"
  | "getKeyVersions"
  | "putPolicy"
  | "getPolicy"
  | "putInstancePolicy"
  | "getInstancePolicy"
  | "getAllowedIpPort"
  | "getRegistrations"
  | "getRegistrationsAllKeys";

/** The client, with an untyped method per operation. */
export type VendorClient = Readonly<
  Record<VendorOperation, (params: Readonly<Record<string, unknown>>) => Promise<VendorResponse>>
> & { enableRetries(options: { maxRetries: number; maxRetryInterval: number }): void };

type VendorModule = new (options: { authenticator: object; serviceUrl: string }) => VendorClient;

interface AuthModule {
  readonly IamAuthenticator: new (options: { apikey: string; url: string }) => object;
  readonly BearerTokenAuthenticator: new (options: { bearerToken: string }) => object;
}

// The client is CommonJS and its own declarations do not compile here, so they are declared above.
const require = createRequire(import.meta.url);
const KeyProtect: VendorModule = require("@ibm-cloud/ibm-key-protect/ibm-key-protect-api/v2");
const authentication: AuthModule = require("@ibm-cloud/ibm-key-protect/auth");

/**
 * Creates a client of an emulator that gets its tokens with `apiKey` (default: the first user's).
 */
export function createVendorClient(
  emulator: Pick<Emulator, "url" | "apiKey">,
  apiKey: string = emulator.apiKey,
): VendorClient {
  const authenticator = new authentication.IamAuthenticator({ apikey: apiKey, url: emulator.url });
  return new KeyProtect({ authenticator, serviceUrl: emulator.url });
}

/** Creates a client of an emulator that sends the given bearer token. */
export function createBearerClient(emulator: Emulator, bearerToken: string): VendorClient {
  return new KeyProtect({
    authenticator: new authentication.BearerTokenAuthenticator({ bearerToken }),
    serviceUrl: emulator.url,
  });
}

/** Returns the request body of a collection with one resource. */
export function collectionOf(
  resource: Readonly<Record<string, unknown>>,
  collectionType = "application/vnd.ibm.kms.key+json",
): object {
  return { metadata: { collectionType, collectionTotal: 1 }, resources: [resource] };
}

/** Returns a value as an object. Throws if it is none. */
export function asObject(value: unknown): Readonly<Record<string, unknown>> {
  if (typeof value !== "object" || value === null || Array.isArray(value)) {
    throw new TypeError(`expected an object, not ${JSON.stringify(value)}`);
  }
  return Object.fromEntries(Object.entries(value));
}

/** Returns the first resource of a collection. */
export function firstResource({ result }: VendorResponse): Readonly<Record<string, unknown>> {
  const { resources } = asObject(result);
  if (!Array.isArray(resources)) throw new TypeError("expected a collection with resources");
  return asObject(resources[0]);
}

function isVendorFailure(error: unknown): error is VendorFailure {
  return error instanceof Error && "status" in error && "body" in error;
}

/** Returns the error of a call that must be rejected. Throws if the call succeeds. */
export async function failureOf(answer: Promise<unknown>): Promise<VendorFailure> {
  try {
    await answer;
  } catch (error) {
    if (isVendorFailure(error)) return error;
    throw error;
  }
  throw new Error("expected a rejection");
}

/** Returns the decoded body of an error. */
export async function errorBodyOf({
  body,
}: VendorFailure): Promise<Readonly<Record<string, unknown>>> {
  return asObject(JSON.parse(body instanceof Readable ? await text(body) : body));
}

/** Returns the status and the reason code of a call that must be rejected. */
export async function rejectionOf(answer: Promise<unknown>): Promise<readonly [number, unknown]> {
  const failure = await failureOf(answer);
  const { resources } = await errorBodyOf(failure);
  const [resource] = Array.isArray(resources) ? resources : [];
  const { reasons } = asObject(resource);
  return [failure.status, Array.isArray(reasons) ? asObject(reasons[0])["code"] : undefined];
}
