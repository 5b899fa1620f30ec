/** IBM's own Node client of Key Protect, as published, with the few types that the tests need. */
import { createRequire } from "node:module";
import { Readable } from "node:stream";
import { text } from "node:stream/consumers";
import type { Emulator } from "../../src/emulator/emulator.ts";

/** What the client gives for an answer. */
export interface VendorResponse {
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;
  readonly result: unknown;
}

/** What the client throws for a refusal. */
export interface VendorFailure extends Error {
  readonly status: number;
  readonly statusText: string;
  /** The JSON text; for `restoreKey`, which the client makes a stream of, the unread stream. */
  readonly body: string | Readable;
  readonly headers: Readonly<Record<string, string>>;
}

/** Every operation that the client has. */
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

export type VendorClient = Readonly<
  Record<VendorOperation, (params: Readonly<Record<string, unknown>>) => Promise<VendorResponse>>
> & { enableRetries(options: { maxRetries: number; maxRetryInterval: number }): void };

type VendorModule = new (options: { authenticator: object; serviceUrl: string }) => VendorClient;

interface AuthModule {
  readonly IamAuthenticator: new (options: { apikey: string; url: string }) => object;
  readonly BearerTokenAuthenticator: new (options: { bearerToken: string }) => object;
}

// The client is CommonJS, and its own declarations do not compile here; what is used of it is declared above.
const require = createRequire(import.meta.url);
const KeyProtect: VendorModule = require("@ibm-cloud/ibm-key-protect/ibm-key-protect-api/v2");
const authentication: AuthModule = require("@ibm-cloud/ibm-key-protect/auth");

/** Creates the client of an emulator, signing in with `apiKey` (default: the first user's). */
export function createVendorClient(
  emulator: Pick<Emulator, "url" | "apiKey">,
  apiKey: string = emulator.apiKey,
): VendorClient {
  const authenticator = new authentication.IamAuthenticator({ apikey: apiKey, url: emulator.url });
  return new KeyProtect({ authenticator, serviceUrl: emulator.url });
}

/** Creates the client of an emulator that sends a given bearer token. */
export function createBearerClient(emulator: Emulator, bearerToken: string): VendorClient {
  return new KeyProtect({
    authenticator: new authentication.BearerTokenAuthenticator({ bearerToken }),
    serviceUrl: emulator.url,
  });
}

/** The collection body that the client takes for a single resource. */
export function envelope(
  resource: Readonly<Record<string, unknown>>,
  collectionType = "application/vnd.ibm.kms.key+json",
): object {
  return { metadata: { collectionType, collectionTotal: 1 }, resources: [resource] };
}

/** Narrows a value out of a client's answer to an object. */
export function asObject(value: unknown): Readonly<Record<string, unknown>> {
  if (typeof value !== "object" || value === null || Array.isArray(value)) {
    throw new TypeError(`expected an object, not ${JSON.stringify(value)}`);
  }
  return Object.fromEntries(Object.entries(value));
}

/** Takes the first resource out of a collection. */
export function firstResource({ result }: VendorResponse): Readonly<Record<string, unknown>> {
  const { resources } = asObject(result);
  if (!Array.isArray(resources)) throw new TypeError("expected a collection with resources");
  return asObject(resources[0]);
}

function isVendorFailure(error: unknown): error is VendorFailure {
  return error instanceof Error && "status" in error && "body" in error;
}

/** Waits for a refusal. */
export async function failureOf(answer: Promise<unknown>): Promise<VendorFailure> {
  try {
    await answer;
  } catch (error) {
    if (isVendorFailure(error)) return error;
    throw error;
  }
  throw new Error("expected a refusal");
}

/** The body of a refusal, decoded. */
export async function bodyOf({ body }: VendorFailure): Promise<Readonly<Record<string, unknown>>> {
  return asObject(JSON.parse(body instanceof Readable ? await text(body) : body));
}

/** Waits for a refusal and gives its status and reason code. */
export async function refusalOf(answer: Promise<unknown>): Promise<readonly [number, unknown]> {
  const failure = await failureOf(answer);
  const { resources } = await bodyOf(failure);
  const [resource] = Array.isArray(resources) ? resources : [];
  const { reasons } = asObject(resource);
  return [failure.status, Array.isArray(reasons) ? asObject(reasons[0])["code"] : undefined];
}
