/** The life of a root key: created, used, rotated, disabled, deleted and restored. */
import { randomBytes } from "node:crypto";
import type { Emulator } from "../../src/emulator/emulator.ts";
import { KeyType, ReturnPreference } from "../../src/gen/keyprotect/v1/key.ts";
import type { Clients } from "./clients.ts";
import type { Narrator } from "./narrator.ts";

/** The least time between two changes of a key's state, in Key Protect and in the emulator. */
const settleMs = 30_000;

/** A bucket of IBM Cloud Object Storage. */
const bucketCrn = "crn:v1:bluemix:public:cloud-object-storage:global:a/1:2:bucket:shop";

/** A root key and a data key that it has wrapped. */
export interface WrappedDataKey {
  /** Alias of the root key. */
  readonly keyId: string;
  readonly ciphertext: Buffer;
  readonly additionalAuthenticatedData: string[];
}

/** Shows the steps 1 to 5. Resolves with the data key, as the newest key version wrapped it. */
export async function showLife(
  narrator: Narrator,
  clients: Clients,
  emulator: Emulator,
): Promise<WrappedDataKey> {
  const { step, show, remark, call, callThatFails } = narrator;
  const { keys, actions, rings, policies, registrations } = clients;
  const waitUntilSettled = (): void => {
    emulator.clock.advance(settleMs);
    remark("the demo sets the clock of its Key Protect 30 s forward");
  };

  step(
    "1. A root key with an alias, in a key ring",
    `A root key encrypts other keys and never leaves Key Protect. A key ring is a group of keys to
    which access is granted. An alias is a name that calls can use instead of the key's ID. This
    key gets a policy: Key Protect rotates it by itself.`,
  );
  await call(rings, "createKeyRing", { keyRingId: "shop" });
  const created = await call(keys, "createKey", {
    name: "orders at rest",
    type: KeyType.ROOT,
    keyRingId: "shop",
    aliases: ["orders"],
    policyOverrides: { rotation: { enabled: true, intervalMonths: 3 }, dualAuthDelete: undefined },
    returnPreference: ReturnPreference.REPRESENTATION,
  });
  const id = created.key?.id ?? "";
  show("root key", id);
  show("ring, alias", `${created.key?.keyRingId}, ${created.key?.aliases.join(" ")}`);
  const keyId = "orders";
  const { policies: found } = await call(policies, "getKeyPolicies", { keyId });
  for (const { kind } of found) {
    if (kind?.$case === "rotation") show("rotated every", `${kind.value.intervalMonths} months`);
  }

  step(
    "2. Envelope encryption",
    `A service encrypts its data with a data key and has the root key encrypt ("wrap") that data
    key. It stores the wrapped data key beside the data. To read the data, it has the data key
    decrypted ("unwrapped").`,
  );
  const dataKey = randomBytes(32);
  const additionalAuthenticatedData = ["orders", "2026"];
  const wrapped = await call(actions, "wrapKey", {
    keyId,
    plaintext: dataKey,
    additionalAuthenticatedData,
  });
  show("wrapped data key", `${wrapped.ciphertext.length} bytes`);
  const showUnwrapped = async (ciphertext: Buffer): Promise<void> => {
    const request = { keyId, ciphertext, additionalAuthenticatedData };
    const { plaintext } = await call(actions, "unwrapKey", request);
    show("the unwrapped data key equals the original", String(plaintext.equals(dataKey)));
  };
  await showUnwrapped(wrapped.ciphertext);

  step(
    "3. Rotate and rewrap",
    `Rotation gives a root key a new version. What an older version wrapped can still be unwrapped.
    Rewrapping brings it to the new version, and the data key does not leave Key Protect.`,
  );
  await call(actions, "rotateKey", { keyId });
  const rewrapped = await call(actions, "rewrapKey", {
    keyId,
    ciphertext: wrapped.ciphertext,
    additionalAuthenticatedData,
  });
  show("wrapped by version", rewrapped.previousKeyVersionId);
  show("now by version", rewrapped.keyVersionId);
  const current = { keyId, ciphertext: rewrapped.ciphertext, additionalAuthenticatedData };

  step(
    "4. Disable and enable",
    `A disabled key puts all data under it out of reach. FAILED_PRECONDITION means that the key's
    state forbids the call. Key Protect wants 30 s between two changes; the error says how long to
    wait.`,
  );
  await call(keys, "disableKey", { keyId });
  await callThatFails(actions, "unwrapKey", current);
  await callThatFails(keys, "enableKey", { keyId });
  waitUntilSettled();
  await call(keys, "enableKey", { keyId });

  step(
    "5. Registration, deletion, restoration",
    `A registration says that another IBM service encrypts a resource with the key, here a bucket.
    Such a key is deleted only by force. For 30 days, a deleted key can be restored.`,
  );
  emulator.register({ keyId: id, resourceCrn: bucketCrn });
  const registered = await call(registrations, "listRegistrations", { keyId });
  show("resource", registered.registrations[0]?.resourceCrn ?? "none");
  await callThatFails(keys, "deleteKey", { keyId });
  await call(keys, "deleteKey", { keyId, force: true });
  show("force", "true");
  await callThatFails(actions, "unwrapKey", current);
  waitUntilSettled();
  await call(keys, "restoreKey", { keyId });
  await showUnwrapped(current.ciphertext);
  return current;
}
