/**
 * A tour of the gateway: `npm run demo`. It starts the embedded Key Protect and a gateway, makes
 * gRPC calls through the gateway as a service would, and explains each step. Every call goes over
 * sockets.
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

await using local = await startLocalGateway({ listen: "127.0.0.1:0", logLevel: "silent" });
const { say, step, heading, show, call, callThatFails } = createNarrator();

const channel = credentials.createInsecure();
const keys = new KeysServiceClient(local.address, channel);
const actions = new KeyActionsServiceClient(local.address, channel);
const policies = new PoliciesServiceClient(local.address, channel);
const lockers = new LockersServiceClient(local.address, channel);

say(`Embedded Key Protect at ${local.emulator.url}, gateway at ${local.address}.
IBM Key Protect stores and manages encryption keys for other services. This demo calls the gateway
over gRPC, and the gateway calls Key Protect. Each line with a status is one call. The correlation ID
finds a call in the logs of the gateway and of Key Protect.`);
heading();

step(
  "1. Envelope encryption",
  `A root key encrypts other keys and never leaves Key Protect. A service encrypts its data with a data
key of its own and has the root key encrypt ("wrap") the data key. It stores the wrapped data key
with the data. To read the data, it has the data key decrypted ("unwrapped") again.`,
);
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
show("root key", keyId);

const dataKey = randomBytes(32);
const context = ["orders", "2026"];
const wrapped = await call(actions, "wrapKey", {
  keyId,
  plaintext: dataKey,
  additionalAuthenticatedData: context,
});
show("wrapped data key", `${wrapped.ciphertext.length} bytes`);

const unwrapped = await call(actions, "unwrapKey", {
  keyId,
  ciphertext: wrapped.ciphertext,
  additionalAuthenticatedData: context,
});
show("the unwrapped data key equals the original", String(unwrapped.plaintext.equals(dataKey)));

step(
  "2. Rotation",
  `Rotating a root key gives it a new version. Data keys wrapped by an older version can still be
unwrapped. The answer then also contains the data key wrapped by the new version, to be stored.`,
);
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
show("rewrapped data key", `${afterRotation.rewrappedCiphertext.length} bytes`);
show("wrapped by key version", afterRotation.rewrappedKeyVersionId);

step(
  "3. Policies",
  "A rotation policy makes Key Protect rotate a root key by itself, here every three months.",
);
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
const set = await call(policies, "getKeyPolicies", { keyId });
// A policy may be set and disabled.
const inForce = set.policies.filter(({ kind }) => kind?.value.enabled === true);
show("policies in force", inForce.map(({ kind }) => kind?.$case).join(", "));

step(
  "4. Secure import",
  `A root key can also be made from key material of your own. A locker (an import token in the current
API of Key Protect) holds a public key. Material that is encrypted with it can be decrypted only
inside Key Protect. GenerateDataKey has Key Protect make a new data key and wrap it.`,
);
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
show("root key from imported material", String(imported.key?.imported));
const underImported = await call(actions, "generateDataKey", {
  keyId: imported.key?.id ?? "",
  additionalAuthenticatedData: [],
  omitPlaintext: false,
});
show(
  "new data key",
  `${underImported.plaintext.length} bytes, wrapped: ${underImported.ciphertext.length} bytes`,
);

step("5. Lists", "Lists and counts contain metadata only, never key material.");
const listed = await call(keys, "listKeys", { pageSize: 10, pageToken: "", skip: 0 });
show("keys", listed.keys.map((key) => key.name).join(", "));
const counted = await call(keys, "countKeys", {});
show("number of keys", String(counted.totalSize));

step(
  "6. Errors",
  `Wrap and unwrap take additional authenticated data, which is not secret but must be equal in both
calls. The data key was wrapped for "orders", so unwrapping it for "payments" fails. The gRPC status
is the kind of error, and the reason is an exact code for programs. HTTP 422 was the answer of Key
Protect. "May have executed: false" means that the call changed nothing.`,
);
await callThatFails(actions, "unwrapKey", {
  keyId,
  ciphertext: wrapped.ciphertext,
  additionalAuthenticatedData: ["payments"],
});

step(
  "7. Validation",
  `The gateway checks a request before it sends anything, and reports all errors at once. Here the key
ID is a path, the plaintext is empty and the additional data is too long. Key Protect was not asked.`,
);
await callThatFails(actions, "wrapKey", {
  keyId: "../instance/policies",
  plaintext: Buffer.alloc(0),
  additionalAuthenticatedData: ["x".repeat(256)],
});

step(
  "8. Deletion",
  `A deleted root key can neither wrap nor unwrap. FAILED_PRECONDITION means that the state of the key
forbids the call, so that a retry does not help.`,
);
await call(keys, "deleteKey", {
  keyId,
  returnPreference: ReturnPreference.UNSPECIFIED,
  allowMissing: false,
  force: false,
});
await callThatFails(actions, "wrapKey", {
  keyId,
  plaintext: dataKey,
  additionalAuthenticatedData: [],
});

for (const client of [keys, actions, policies, lockers]) client.close();
say("Done: every call except the invalid one went client → gateway → Key Protect and back.");
