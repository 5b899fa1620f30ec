/** Settings that may not be written without a value, because doing without them opens something. */
import type { Path } from "./setting-list.ts";

/**
 * Places whose absence permits more than any value would: every RPC, every instance, callers
 * without a certificate, the system's authorities, the gateway's own credential, a server's default
 * profile, all scopes, ciphertexts of any cluster. `[]` means any item of a list.
 */
export const openIfAbsent: readonly (readonly string[])[] = [
  ["policy"],
  ["policy", "rules"],
  ["policy", "rules", "[]", "instances"],
  ["tls", "clientCaFile"],
  ["tls", "trustDomains"],
  ["instances"],
  ["instances", "[]", "credentials"],
  ["instances", "[]", "profileId"],
  ["instances", "[]", "profileName"],
  ["instances", "[]", "profileCrn"],
  ["instances", "[]", "baseProfileId"],
  ["instances", "[]", "baseProfileName"],
  ["instances", "[]", "baseProfileCrn"],
  ["instances", "[]", "scope"],
  ["endpoints", "[]", "instance"],
  ["endpoints", "[]", "additionalData"],
  ["upstream", "caFile"],
  ["proxy", "caFile"],
  ["redis", "caFile"],
  ["tracing", "caFile"],
  ["tracing", "tracesCaFile"],
];

/** Whether a place is one of `openIfAbsent`. */
export const isOpenIfAbsent = (path: Path): boolean =>
  openIfAbsent.some(
    (open) =>
      open.length === path.length &&
      open.every((part, at) => part === (typeof path[at] === "number" ? "[]" : path[at])),
  );
