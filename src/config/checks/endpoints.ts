/** The rules of endpoints. */
import { compilePolicy } from "../../access/policy.ts";
import { rpcsOfDoor, type DoorKind } from "../../door-rpcs/door-rpcs.ts";
import { formatListenAddress, isLocalAddress } from "../listen-address.ts";
import type { EndpointSettings } from "../schema/endpoint-settings.ts";
import type { Settings } from "../schema/settings.ts";
import type { SettingFinding } from "./schema.ts";

/** Finds endpoints that cannot be served, or that would be open to others than their clients. */
export function* checkEndpoints(settings: Settings): Generator<SettingFinding> {
  const { endpoints = [], listen, adminListen } = settings;
  const others = [...listen, adminListen].map(formatListenAddress);
  const addresses = endpoints.map((endpoint) => formatListenAddress(endpoint.listen));
  const callers = endpoints.map(({ caller }) => caller);
  for (const [at, endpoint] of endpoints.entries()) {
    const path = ["endpoints", at];
    const address = formatListenAddress(endpoint.listen);
    if (!isLocalAddress(endpoint.listen)) {
      const what =
        "has to be a Unix socket or a loopback address: clients of this protocol cannot be identified over a network, whatever else is set";
      yield { path: [...path, "listen"], what };
    } else if (endpoint.kind === "kubernetes-kms-v2" && endpoint.listen.kind !== "unix") {
      const what = "has to be a Unix socket: API servers connect to nothing else";
      yield { path: [...path, "listen"], what };
    }
    // Port 0 is a different port each time.
    const isUsed = others.includes(address) || addresses.indexOf(address) !== at;
    if (isUsed && !address.endsWith(":0")) {
      yield { path: [...path, "listen"], what: "names an address that is used twice" };
    }
    if (callers.indexOf(endpoint.caller) !== at) {
      yield { path: [...path, "caller"], what: "is also the caller of another endpoint" };
    }
    yield* checkInstance(endpoint, at, settings);
    yield* checkKeys(endpoint, at);
  }
}

function* checkInstance(
  { instance, kind }: EndpointSettings,
  at: number,
  { instances = [], defaultInstance }: Settings,
): Generator<SettingFinding> {
  const path = ["endpoints", at, "instance"];
  const [first, ...others] = instances;
  if (first === undefined) return;
  const alias = instance ?? defaultInstance ?? (others.length === 0 ? first.alias : undefined);
  if (alias === undefined) {
    yield { path, what: "is missing; there are several instances and none is the default" };
    return;
  }
  const used = instances.find((each) => each.alias === alias);
  if (used === undefined) {
    // A wrong `defaultInstance` is a finding of its own.
    if (instance !== undefined) yield { path, what: "has to be the alias of an instance" };
    return;
  }
  if (used.credentials === "caller") {
    const what =
      "names an instance with `credentials: caller`, but clients of this endpoint have no token";
    yield { path, what };
  }
  if (kind === "kubernetes-kms-v2" && used.dialect === "2019") {
    const what =
      "names an instance with the dialect `2019`, which does not say the version of a key: the API server could not notice a rotation";
    yield { path, what };
  }
}

/** The settings of other kinds, with the value that means that one is not set. */
const foreignSettings: Readonly<Record<DoorKind, Partial<EndpointSettings>>> = {
  "kubernetes-kms-v2": { keys: undefined, vaultAddress: "https://keyprotect.internal" },
  sops: { keyId: undefined, formerKeyIds: [], maxStalenessMs: 180_000 },
};

function* checkKeys(endpoint: EndpointSettings, at: number): Generator<SettingFinding> {
  const { kind, keyId, formerKeyIds, keys } = endpoint;
  const path = ["endpoints", at];
  const values: Readonly<Record<string, unknown>> = { ...endpoint };
  for (const [name, unset] of Object.entries(foreignSettings[kind])) {
    if (JSON.stringify(values[name]) === JSON.stringify(unset)) continue;
    yield { path: [...path, name], what: `has no meaning for an endpoint of the kind \`${kind}\`` };
  }
  if (kind === "sops") {
    if (keys === undefined) {
      const what = `is missing; an endpoint of the kind \`${kind}\` needs the list of its root keys`;
      yield { path: [...path, "keys"], what };
    }
    return;
  }
  if (keyId === undefined) {
    const what = `is missing; an endpoint of the kind \`${kind}\` needs the ID of its root key`;
    yield { path: [...path, "keyId"], what };
  } else if (formerKeyIds.includes(keyId)) {
    const what = "contains keyId, which decrypts anyway";
    yield { path: [...path, "formerKeyIds"], what };
  }
}

/**
 * Finds endpoints whose calls the configured rules refuse. They may be meant to be closed for a
 * time, so this is a warning.
 */
export function* warnOfClosedEndpoints(settings: Settings): Generator<SettingFinding> {
  const { endpoints = [], instances = [], policy } = settings;
  if (policy === undefined) return;
  const isAllowed = compilePolicy(policy.rules);
  for (const [at, endpoint] of endpoints.entries()) {
    const alias = endpoint.instance ?? settings.defaultInstance ?? instances[0]?.alias ?? "";
    const refused = rpcsOfDoor[endpoint.kind].filter(
      (rpc) => !isAllowed(endpoint.caller, rpc, alias),
    );
    if (refused.length === 0) continue;
    const names = refused.map(({ service, method }) => `${service}/${method}`).join(", ");
    const what = `no rule of the policy allows this caller ${names} on the instance ${alias}: such calls are refused`;
    yield { path: ["endpoints", at, "caller"], what };
  }
}
