import { status } from "@grpc/grpc-js";
import { expect } from "vitest";
import { DeleteKeyRequest } from "../../../src/gen/keyprotect/v1/keys_service.ts";
import type { CallContext } from "../../../src/grpc/call/call-context.ts";
import { StatusError } from "../../../src/grpc/status/status-error.ts";
import { KeyProtectError } from "../../../src/keyprotect/error.ts";
import type { KeyResource } from "../../../src/keyprotect/resources.ts";
import type { KeyProtect } from "../../../src/service/key-protect.ts";
import type { ServiceDeps } from "../../../src/service/service-deps.ts";
import type { ApiDialect } from "../../../src/platform/api-dialect.ts";
import { createDrivenClock } from "../../support/driven-clock.ts";

export const keyId = "0f5c2f0e-6f0a-4a55-9d0b-0d6f4f4f2a11";
/** A return preference that the contract does not name. A newer caller may send it. */
export const { returnPreference: unknownPreference } = DeleteKeyRequest.decode(
  Uint8Array.of(0x10, 7),
);
/** ID of the instance of the fake. */
export const instanceId = "33333333-4444-4555-8666-777777777777";
export const lockerId = "7d1a4ad5-5a5a-4a55-9d0b-0d6f4f4f2a22";

/**
 * One call of a handler: the operation and its arguments, with buffers copied before they are
 * zeroized.
 */
export type Call = readonly [operation: string, ...args: unknown[]];

export interface Fake {
  readonly deps: ServiceDeps;
  readonly calls: Call[];
}

/** Copies a value deeply, so that later changes of its buffers do not show. */
function snapshot(value: unknown): unknown {
  if (Buffer.isBuffer(value)) return Buffer.from(value);
  if (Array.isArray(value)) return value.map(snapshot);
  if (value === null || typeof value !== "object" || value instanceof Date) return value;
  return Object.fromEntries(Object.entries(value).map(([name, inner]) => [name, snapshot(inner)]));
}

/** An instance that runs the operations of `script` and fails on all others. */
export function fakeKeyProtect(script: Partial<KeyProtect>, dialect?: ApiDialect): Fake {
  const calls: Call[] = [];
  const play =
    <Args extends unknown[], Result>(
      operation: keyof KeyProtect,
      act: ((context: CallContext, ...args: Args) => Promise<Result>) | undefined,
    ) =>
    async (context: CallContext, ...args: Args): Promise<Result> => {
      calls.push([operation, ...args.map(snapshot)]);
      if (act === undefined) throw new Error(`unexpected: ${operation}`);
      return act(context, ...args);
    };
  const keyProtect: KeyProtect = {
    createKey: play("createKey", script.createKey),
    listKeys: play("listKeys", script.listKeys),
    countKeys: play("countKeys", script.countKeys),
    getKey: play("getKey", script.getKey),
    getKeyMaterial: play("getKeyMaterial", script.getKeyMaterial),
    deleteKey: play("deleteKey", script.deleteKey),
    moveKey: play("moveKey", script.moveKey),
    changeKey: play("changeKey", script.changeKey),
    restoreKey: play("restoreKey", script.restoreKey),
    purgeKey: play("purgeKey", script.purgeKey),
    listKeyVersions: play("listKeyVersions", script.listKeyVersions),
    wrapKey: play("wrapKey", script.wrapKey),
    unwrapKey: play("unwrapKey", script.unwrapKey),
    rewrapKey: play("rewrapKey", script.rewrapKey),
    rotateKey: play("rotateKey", script.rotateKey),
    getKeyPolicies: play("getKeyPolicies", script.getKeyPolicies),
    replaceKeyPolicies: play("replaceKeyPolicies", script.replaceKeyPolicies),
    getInstancePolicies: play("getInstancePolicies", script.getInstancePolicies),
    replaceInstancePolicies: play("replaceInstancePolicies", script.replaceInstancePolicies),
    getPrivateEndpointPort: play("getPrivateEndpointPort", script.getPrivateEndpointPort),
    createAlias: play("createAlias", script.createAlias),
    deleteAlias: play("deleteAlias", script.deleteAlias),
    listKeyRings: play("listKeyRings", script.listKeyRings),
    createKeyRing: play("createKeyRing", script.createKeyRing),
    deleteKeyRing: play("deleteKeyRing", script.deleteKeyRing),
    listRegistrations: play("listRegistrations", script.listRegistrations),
    createLocker: play("createLocker", script.createLocker),
    listLockers: play("listLockers", script.listLockers),
    retrieveLocker: play("retrieveLocker", script.retrieveLocker),
    listKmipAdapters: play("listKmipAdapters", script.listKmipAdapters),
    createKmipAdapter: play("createKmipAdapter", script.createKmipAdapter),
    getKmipAdapter: play("getKmipAdapter", script.getKmipAdapter),
    deleteKmipAdapter: play("deleteKmipAdapter", script.deleteKmipAdapter),
    listKmipObjects: play("listKmipObjects", script.listKmipObjects),
    getKmipObject: play("getKmipObject", script.getKmipObject),
    deleteKmipObject: play("deleteKmipObject", script.deleteKmipObject),
    listKmipCertificates: play("listKmipCertificates", script.listKmipCertificates),
    addKmipCertificate: play("addKmipCertificate", script.addKmipCertificate),
    getKmipCertificate: play("getKmipCertificate", script.getKmipCertificate),
    deleteKmipCertificate: play("deleteKmipCertificate", script.deleteKmipCertificate),
  };
  return {
    calls,
    deps: {
      keyProtectOf: () => keyProtect,
      dialectOf: () => dialect,
      endpointsOf: () => [{ serviceUrl: "https://us-south.kms.cloud.ibm.com" }],
      instanceIdOf: () => instanceId,
      itemEnded: () => {},
      streams: { idleMs: 60_000, itemMs: 60_000 },
      clock: createDrivenClock(),
      idempotency: undefined,
    },
  };
}

/** A key as Key Protect describes a fresh one. */
export const keyResource = (overrides: Partial<KeyResource> = {}): KeyResource => ({
  id: keyId,
  name: "orders",
  description: undefined,
  tags: [],
  state: 1,
  nonactiveStateReason: undefined,
  extractable: false,
  imported: false,
  crn: "crn:v1:key",
  createdBy: "IBMid-1",
  deletedBy: undefined,
  creationDate: new Date("2026-01-02T03:04:05Z"),
  lastUpdateDate: undefined,
  lastRotateDate: undefined,
  expirationDate: undefined,
  deletionDate: undefined,
  algorithm: { type: "AES", bitLength: 256, mode: "CBC_PAD" },
  dualAuthDelete: undefined,
  rotation: undefined,
  keyVersion: undefined,
  keyRingId: undefined,
  aliases: [],
  purgeScheduledOn: undefined,
  restoreExpirationDate: undefined,
  purgeAllowedFrom: undefined,
  restoreAllowed: undefined,
  purgeAllowed: undefined,
  payload: undefined,
  ...overrides,
});

export const rejected = (httpStatus: number): KeyProtectError =>
  new KeyProtectError("REJECTED", "rejected", { httpStatus });

/** The status that a call fails with. Fails the test if the call succeeds. */
export async function failure(call: Promise<unknown>): Promise<StatusError> {
  const error = await call.then(
    () => expect.fail("the call succeeded"),
    (reason: unknown) => reason,
  );
  if (!(error instanceof StatusError)) expect.fail(`not a StatusError: ${String(error)}`);
  return error;
}

/** The violations of an invalid call, as `field REASON`. */
export async function violationsOf(call: Promise<unknown>): Promise<string[]> {
  const error = await failure(call);
  expect([error.code, error.reason]).toEqual([status.INVALID_ARGUMENT, "REQUEST_INVALID"]);
  return (error.details.violations ?? []).map(({ field, reason }) => `${field} ${reason}`);
}
