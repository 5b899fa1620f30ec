/** The settings of one endpoint: a door for software that speaks a protocol of its own. */
import { z } from "zod";
import { doorKinds } from "../../door-rpcs/door-rpcs.ts";
import { optionalSetting, requiredSetting, setting } from "./setting.ts";
import { kinds } from "./value-kinds.ts";

/** The schema of one item of `endpoints`. Which settings a kind uses is checked by the rules. */
export const endpointSettings = z.strictObject({
  kind: requiredSetting(kinds.choice(doorKinds), {
    example: "kubernetes-kms-v2",
    meaning:
      "Protocol that the endpoint speaks. `kubernetes-kms-v2`: the API servers of Kubernetes encrypt what they store in etcd ([guide](kubernetes-kms.md)).",
  }),
  listen: requiredSetting(kinds.listenAddress, {
    example: "unix:/run/keyprotect/example.sock",
    meaning:
      "Address of the endpoint's own listener: `unix:/path`, or a loopback address. The clients of these protocols can neither encrypt nor say who they are, so other addresses are refused. For `kubernetes-kms-v2` a Unix socket.",
  }),
  caller: requiredSetting(kinds.doorCaller, {
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
      "`kubernetes-kms-v2`: additional authenticated data that binds each ciphertext to this cluster. What was encrypted with other texts cannot be decrypted, so it must not be changed while data is stored.",
  }),
  maxStalenessMs: setting(kinds.integer(15_000, 3_600_000), {
    fallback: 180_000,
    meaning:
      "`kubernetes-kms-v2`: how long Status still answers `ok` after the last successful wrap, while Key Protect cannot be reached.",
  }),
});

/** The output of the schema for one endpoint. */
export type EndpointSettings = z.output<typeof endpointSettings>;
