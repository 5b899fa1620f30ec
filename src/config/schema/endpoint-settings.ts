/** The settings of one endpoint: a door for software that speaks a protocol of its own. */
import { z } from "zod";
import { doorKinds } from "../../door-rpcs/door-rpcs.ts";
import { optionalSetting, requiredSetting, setting } from "./setting.ts";
import { kinds, listOf, textKind } from "./value-kinds.ts";

/** IDs and aliases of keys. The characters are those of aliases, and `*`. */
const keyPatterns = listOf(
  textKind("", /^[A-Za-z0-9*][A-Za-z0-9_*-]{0,89}$/),
  "a list of 1 to 100 IDs and aliases of keys, in which `*` stands for any characters",
  { minimum: 1, maximum: 100 },
);

/** Neither a SPIFFE ID, which has a colon, nor a name that callers of other listeners have. */
const doorCaller = textKind(
  "1 to 63 lower-case letters, digits and hyphens, the first a letter, and neither `unix` nor `anonymous`",
  /^(?!(?:unix|anonymous)$)[a-z][a-z0-9-]{0,62}$/,
);

const origin = textKind(
  "an `http://` or `https://` URL without a path and a slash at the end",
  /^https?:\/\/[A-Za-z0-9.-]{1,253}(?::\d{1,5})?$/,
);

/** The schema of one item of `endpoints`. Which settings a kind uses is checked by the rules. */
export const endpointSettings = z.strictObject({
  kind: requiredSetting(kinds.choice(doorKinds), {
    example: "kubernetes-kms-v2",
    meaning:
      "Protocol that the endpoint speaks. `kubernetes-kms-v2`: the API servers of Kubernetes encrypt what they store in etcd ([guide](kubernetes-kms.md)). `sops`: the command sops encrypts files ([guide](sops.md)).",
  }),
  listen: requiredSetting(kinds.listenAddress, {
    example: "unix:/run/keyprotect/example.sock",
    meaning:
      "Address of the endpoint's own listener: `unix:/path`, or a loopback address. The clients of these protocols can neither encrypt nor say who they are, so other addresses are refused. For `kubernetes-kms-v2` a Unix socket.",
  }),
  caller: requiredSetting(doorCaller, {
    example: "example-caller",
    meaning:
      "Name of everyone who calls through this endpoint: access rules, log, metrics and the fair queue know them by it. Unique.",
  }),
  instance: optionalSetting(kinds.alias, {
    meaning: "Alias of the instance that holds the keys. If not set: the default instance.",
  }),
  keyId: optionalSetting(kinds.uuid, {
    meaning:
      "`kubernetes-kms-v2`, required: ID of the root key that encrypts. Not an alias, which could be moved to another key.",
  }),
  formerKeyIds: setting(kinds.uuids, {
    fallback: [],
    meaning:
      "`kubernetes-kms-v2`: IDs of root keys of the same instance that may still decrypt, because `keyId` named them before.",
  }),
  additionalData: setting(kinds.additionalData, {
    fallback: [],
    meaning:
      "Additional authenticated data that binds each ciphertext to this endpoint, such as to one cluster. What was encrypted with other texts cannot be decrypted, so it must not be changed while data is stored.",
  }),
  keys: optionalSetting(keyPatterns, {
    meaning:
      "`sops`, required: IDs and aliases of the root keys that may be used. `*` stands for any characters of an alias, and for no ID.",
  }),
  vaultAddress: setting(origin, {
    fallback: "https://keyprotect.internal",
    meaning:
      "`sops`: address that Vault keys of this endpoint have. Nothing connects to it; it only has to be the one in `.sops.yaml`.",
  }),
  maxStalenessMs: setting(kinds.integer(15_000, 3_600_000), {
    fallback: 180_000,
    meaning:
      "`kubernetes-kms-v2`: how long Status still answers `ok` after the last successful wrap, while Key Protect cannot be reached.",
  }),
});

/** The output of the schema for one endpoint. */
export type EndpointSettings = z.output<typeof endpointSettings>;
