/**
 * The main job, once through: the embedded Key Protect, the gateway in front of it, and a client that does over gRPC what
 * a service does with its keys. Nothing is faked on the way: every line below is a call over a socket.
 */
import {
  createCipheriv,
  createPublicKey,
  constants,
  publicEncrypt,
  randomBytes,
} from "node:crypto";
import { credentials } from "@grpc/grpc-js";
import {
  ImportEncryptionAlgorithm,
  KeyType,
  ReturnPreference,
} from "../src/gen/keyprotect/v1/key.ts";
import { KeyActionsServiceClient } from "../src/gen/keyprotect/v1/key_actions_service.ts";
import { KeysServiceClient } from "../src/gen/keyprotect/v1/keys_service.ts";
import { LockersServiceClient } from "../src/gen/keyprotect/v1/lockers_service.ts";
import { PoliciesServiceClient } from "../src/gen/keyprotect/v1/policies_service.ts";
import { createNarrator } from "./narrator.ts";
import { startLocalGateway } from "./local-gateway.ts";

const hex = (bytes: Buffer): string =>
  `${bytes.toString("hex").slice(0, 16)}… (${bytes.length} bytes)`;

await using local = await startLocalGateway({ listen: "127.0.0.1:0", logLevel: "silent" });
const { say, show, call, callThatFails } = createNarrator();

const channel = credentials.createInsecure();
const keys = new KeysServiceClient(local.address, channel);
const actions = new KeyActionsServiceClient(local.address, channel);
const policies = new PoliciesServiceClient(local.address, channel);
const lockers = new LockersServiceClient(local.address, channel);

say(`embedded Key Protect at ${local.emulator.url}, gateway at ${local.address}`);

say("A root key, and a data key of ours wrapped by it");
const created = await call(keys, "createKey", {
  name: "orders at rest",
  type: KeyType.ROOT,
  description: "wraps the data keys of the order service",
  tags: ["demo"],
  expireTime: undefined,
  material: undefined,
  returnPreference: ReturnPreference.UNSPECIFIED,
  requestId: "",
});
const keyId = created.key?.id ?? "";
show("key", keyId);

const dataKey = randomBytes(32);
const context = ["orders", "2026"];
const wrapped = await call(actions, "wrapKey", {
  keyId,
  plaintext: dataKey,
  additionalAuthenticatedData: context,
});
show("ciphertext", hex(wrapped.ciphertext));

const unwrapped = await call(actions, "unwrapKey", {
  keyId,
  ciphertext: wrapped.ciphertext,
  additionalAuthenticatedData: context,
});
show("the same 32 bytes came back", String(unwrapped.plaintext.equals(dataKey)));

say("Rotation: old ciphertexts stay readable, and come back wrapped by the newest version");
await call(actions, "rotateKey", {
  keyId,
  material: undefined,
  requestId: "",
  returnPreference: ReturnPreference.UNSPECIFIED,
});
const afterRotation = await call(actions, "unwrapKey", {
  keyId,
  ciphertext: wrapped.ciphertext,
  additionalAuthenticatedData: context,
});
show("new ciphertext", hex(afterRotation.rewrappedCiphertext));
show("of key version", afterRotation.rewrappedKeyVersionId);

say("A policy: rotate every three months from now on");
await call(policies, "replaceKeyPolicies", {
  keyId,
  policies: [
    {
      crn: "",
      createTime: undefined,
      updateTime: undefined,
      createdBy: "",
      updatedBy: "",
      kind: { $case: "rotation", value: { intervalMonths: 3 } },
    },
  ],
});
const inForce = await call(policies, "getKeyPolicies", { keyId });
show("policies in force", inForce.policies.map((policy) => policy.kind?.$case).join(", "));

say("Secure import: our own key material, encrypted for the locker before it leaves us");
const locker = await call(lockers, "createLocker", { ttl: undefined, maxAllowedRetrievals: 1 });
const transport = await call(lockers, "retrieveLocker", { lockerId: locker.locker?.id ?? "" });
const material = randomBytes(32);
const iv = randomBytes(12);
const cipher = createCipheriv("aes-256-gcm", material, iv);
const encryptedNonce = Buffer.concat([
  cipher.update(transport.nonce),
  cipher.final(),
  cipher.getAuthTag(),
]);
const imported = await call(keys, "createKey", {
  name: "brought along",
  type: KeyType.ROOT,
  description: "",
  tags: [],
  expireTime: undefined,
  material: {
    $case: "encryptedKeyMaterial",
    value: {
      ciphertext: publicEncrypt(
        {
          key: createPublicKey({ key: transport.publicKey, format: "der", type: "spki" }),
          padding: constants.RSA_PKCS1_OAEP_PADDING,
          oaepHash: "sha256",
        },
        material,
      ),
      importToken: transport.importToken,
      encryptedNonce,
      initializationVector: iv,
      algorithm: ImportEncryptionAlgorithm.RSAES_OAEP_SHA_256,
    },
  },
  returnPreference: ReturnPreference.UNSPECIFIED,
  requestId: "",
});
show("imported", String(imported.key?.imported));
const underImported = await call(actions, "generateDataKey", {
  keyId: imported.key?.id ?? "",
  additionalAuthenticatedData: [],
  omitPlaintext: false,
});
show("a new data key under it", hex(underImported.ciphertext));

say("What is there");
const listed = await call(keys, "listKeys", { pageSize: 10, pageToken: "", skip: 0 });
show("keys", listed.keys.map((key) => key.name).join(", "));
const counted = await call(keys, "countKeys", {});
show("counted", String(counted.totalSize));

say("Errors say what happened and what to do: another context than the one it was wrapped with");
await callThatFails(actions, "unwrapKey", {
  keyId,
  ciphertext: wrapped.ciphertext,
  additionalAuthenticatedData: ["payments"],
});

say("Everything that is wrong with a request, at once, before anything is sent");
await callThatFails(actions, "wrapKey", {
  keyId: "../instance/policies",
  plaintext: Buffer.alloc(0),
  additionalAuthenticatedData: ["x".repeat(256)],
});

say("Deleting, and what a deleted key answers");
await call(keys, "deleteKey", {
  keyId,
  returnPreference: ReturnPreference.UNSPECIFIED,
  allowMissing: false,
});
await callThatFails(actions, "wrapKey", {
  keyId,
  plaintext: dataKey,
  additionalAuthenticatedData: [],
});

for (const client of [keys, actions, policies, lockers]) client.close();
say("Done: all but the invalid request went client → gateway → Key Protect and back.");
