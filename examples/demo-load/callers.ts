/** Callers with certificates of their own, so that the gateway can tell them apart. */
import { credentials, Metadata } from "@grpc/grpc-js";
import { KeyType } from "../../src/gen/keyprotect/v1/key.ts";
import { KeyActionsServiceClient } from "../../src/gen/keyprotect/v1/key_actions_service.ts";
import { KeysServiceClient } from "../../src/gen/keyprotect/v1/keys_service.ts";
import type { CertificateAuthority } from "../../test/support/certificates.ts";
import { unaryCall } from "../unary-call.ts";

/** The calls that one caller makes. */
export interface CallerPlan {
  /** Last part of its SPIFFE ID. */
  readonly name: string;
  /** Calls per second. */
  readonly perSecond: number;
  readonly does: "wrap" | "unwrap" | "list" | "rewrap" | "read" | "create";
  readonly instance?: string;
}

/** The root key that the callers use, and a data key that it wrapped. */
export interface SharedKey {
  readonly keyId: string;
  readonly ciphertext: Buffer;
}

/** The clients of one caller. */
export interface Caller extends Disposable {
  readonly keys: KeysServiceClient;
  readonly actions: KeyActionsServiceClient;
}

/** Opens a connection with a certificate for `spiffe://demo.example/<name>`. */
export function openCaller(address: string, authority: CertificateAuthority, name: string): Caller {
  const { cert, key } = authority.issue({ uris: [`spiffe://demo.example/${name}`] });
  const channel = credentials.createSsl(
    Buffer.from(authority.cert),
    Buffer.from(key),
    Buffer.from(cert),
  );
  // The certificate of the gateway is for this name.
  const options = { "grpc.ssl_target_name_override": "localhost" };
  const keys = new KeysServiceClient(address, channel, options);
  const actions = new KeyActionsServiceClient(address, channel, options);
  return {
    keys,
    actions,
    [Symbol.dispose]() {
      keys.close();
      actions.close();
    },
  };
}

/** Creates a root key in an instance, and wraps a data key with it. */
export async function createSharedKey({ keys, actions }: Caller, instance: string) {
  const metadata = new Metadata();
  metadata.set("x-kp-instance", instance);
  const created = await unaryCall(
    keys,
    "createKey",
    { name: "demo", type: KeyType.ROOT },
    metadata,
  );
  const keyId = created.response?.key?.id;
  if (keyId === undefined) throw created.error ?? new Error("no key was created");
  const made = await unaryCall(actions, "generateDataKey", { keyId }, metadata);
  const ciphertext = made.response?.ciphertext;
  if (ciphertext === undefined) throw made.error ?? new Error("no data key was made");
  return { keyId, ciphertext };
}

/** Makes one call of a plan. Failures are what the demonstration shows, so none is reported. */
async function callOnce(
  { keys, actions }: Caller,
  plan: CallerPlan,
  { keyId, ciphertext }: SharedKey,
): Promise<void> {
  const metadata = new Metadata();
  metadata.set("x-kp-instance", plan.instance ?? "default");
  const options = { deadline: Date.now() + 4_000 };
  switch (plan.does) {
    case "wrap":
      await unaryCall(actions, "generateDataKey", { keyId }, metadata, options);
      break;
    case "unwrap":
      await unaryCall(actions, "unwrapKey", { keyId, ciphertext }, metadata, options);
      break;
    case "rewrap":
      await unaryCall(actions, "rewrapKey", { keyId, ciphertext }, metadata, options);
      break;
    case "list":
      await unaryCall(keys, "listKeys", { pageSize: 50 }, metadata, options);
      break;
    case "create":
      await unaryCall(keys, "createKey", { name: "demo", type: KeyType.STANDARD }, metadata);
      break;
    case "read":
      await unaryCall(keys, "getKey", { keyId }, metadata, options);
      break;
  }
}

/**
 * Makes calls at random moments, at the plan's rate times `factor`, until `signal` is aborted.
 */
export async function keepCalling(
  caller: Caller,
  plan: CallerPlan,
  key: SharedKey,
  options: { readonly factor: () => number; readonly signal: AbortSignal },
): Promise<void> {
  while (!options.signal.aborted) {
    void callOnce(caller, plan, key);
    const meanMs = 1_000 / (plan.perSecond * options.factor());
    const waitMs = -Math.log(1 - Math.random()) * meanMs;
    await new Promise((resolve) => setTimeout(resolve, waitMs));
  }
}
