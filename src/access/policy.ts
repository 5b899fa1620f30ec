/** Access rules, compiled once into a decision that takes a few map look-ups per call. */
import { type DoorKind, doorRpcs, rpcsOfDoor } from "../door-rpcs/door-rpcs.ts";
import { rpcTable, type Rpc } from "../rpc-table.ts";
import { forcedRows } from "./forced-rows.ts";

/** Allows some callers some methods on some instances. Calls that no rule allows are denied. */
export interface AccessRule {
  /**
   * SPIFFE IDs, exact or with a wildcard: `spiffe://domain/path/*`; `unix`, `anonymous`, callers of
   * doors, or `*`.
   */
  readonly callers: readonly string[];
  /**
   * `KeysService/GetKey`, `KeysService/DeleteKey:force`, `KeyActionsService/*` or `*`, and methods
   * of doors such as `KubernetesKms/Decrypt`. A wildcard does not include sensitive RPCs (see the
   * RPC table); they must be named.
   */
  readonly methods: readonly string[];
  /** Aliases of instances, or `*`. */
  readonly instances: readonly string[];
  /**
   * IDs of key rings, or `*`. A list without `*` allows only calls that name one of these rings.
   * Default: `*`.
   */
  readonly keyRings?: readonly string[] | undefined;
}

/**
 * Whether a caller may call an RPC on an instance, in a key ring. Without a ring the call
 * names none, so it may concern keys of every ring.
 */
export type Policy = (caller: string, rpc: Rpc, instance: string, keyRing?: string) => boolean;

/** A door, as far as access is concerned. */
export interface DoorAccess {
  readonly kind: DoorKind;
  readonly caller: string;
  readonly instance: string;
}

/**
 * The policy if none is configured. Callers on loopback or a Unix socket may use all RPCs of the
 * contract. Callers over a network may use all except the sensitive ones (see the RPC table).
 * `isLocal` means that every listener is on loopback or a Unix socket. The caller of a door may use
 * the RPCs of its kind on its instance.
 */
export function defaultPolicy(isLocal: boolean, doors: readonly DoorAccess[] = []): Policy {
  const ofDoors = new Set(doorRpcs);
  return (caller, rpc, instance) =>
    ofDoors.has(rpc)
      ? doors.some(
          (door) =>
            door.caller === caller &&
            door.instance === instance &&
            rpcsOfDoor[door.kind].includes(rpc),
        )
      : isLocal || !rpc.sensitive || caller === "unix";
}

/**
 * Allowed scopes by caller: exact callers, and prefixes without their `*`. A scope is an instance
 * and a key ring.
 */
interface Grants {
  readonly exact: Map<string, Set<string>>;
  readonly below: Map<string, Set<string>>;
}

/** A policy that can be replaced by another one. */
export interface ReplaceablePolicy {
  /** Asks the present policy. */
  readonly isAllowed: Policy;
  /** Replaces it for all calls that are asked about from now on. */
  replace(next: Policy): void;
}

/** Creates a policy that can be replaced by another one. */
export function createReplaceablePolicy(first: Policy): ReplaceablePolicy {
  let present = first;
  return {
    isAllowed: (caller, rpc, instance, keyRing) => present(caller, rpc, instance, keyRing),
    replace(next) {
      present = next;
    },
  };
}

/** Compiles rules into a policy. Check the rules with `findRuleProblems` first. */
export function compilePolicy(rules: readonly AccessRule[]): Policy {
  const byPath = new Map<string, Grants>();
  for (const rule of rules) {
    for (const rpc of [...rpcTable, ...forcedRows.values(), ...doorRpcs]) {
      if (!rule.methods.some((method) => coversRpc(method, rpc))) continue;
      const grants = byPath.get(rpc.path) ?? { exact: new Map(), below: new Map() };
      byPath.set(rpc.path, grants);
      const scopes = rule.instances.flatMap((instance) =>
        (rule.keyRings ?? ["*"]).map((keyRing) => scopeOf(instance, keyRing)),
      );
      for (const caller of rule.callers) grant(grants, caller, scopes);
    }
  }

  return (caller, rpc, instance, keyRing) => {
    const grants = byPath.get(rpc.path);
    if (grants === undefined) return false;
    if (covers(grants.exact.get(caller), instance, keyRing)) return true;
    if (grants.below.size === 0) return false;
    if (covers(grants.below.get(""), instance, keyRing)) return true;
    // "spiffe://a/b/c" is below "spiffe://a/b/" and "spiffe://a/": one look-up per "/", except a
    // "/" at the end.
    for (let end = caller.indexOf("/"); end !== -1; end = caller.indexOf("/", end + 1)) {
      if (end === caller.length - 1) break;
      if (covers(grants.below.get(caller.slice(0, end + 1)), instance, keyRing)) return true;
    }
    return false;
  };
}

/** The name of a service in rules: its name without the package. */
export const shortServiceName = (rpc: Rpc): string =>
  rpc.service.slice(rpc.service.lastIndexOf(".") + 1);

function coversRpc(method: string, rpc: Rpc): boolean {
  const service = shortServiceName(rpc);
  const name = `${service}/${rpc.method}`;
  // A caller that may force a deletion may also make one without force.
  if (method === name || method === `${name}:force`) return true;
  return !rpc.sensitive && (method === "*" || method === `${service}/*`);
}

/** Neither an alias nor the ID of a ring contains a line feed. */
const scopeOf = (instance: string, keyRing: string): string => `${instance}\n${keyRing}`;

function grant(grants: Grants, caller: string, scopes: readonly string[]): void {
  const isPrefix = caller === "*" || caller.endsWith("/*");
  const map = isPrefix ? grants.below : grants.exact;
  const key = isPrefix ? caller.slice(0, -1) : caller;
  const granted = map.get(key) ?? new Set();
  map.set(key, granted);
  for (const scope of scopes) granted.add(scope);
}

function covers(
  granted: ReadonlySet<string> | undefined,
  instance: string,
  keyRing: string | undefined,
): boolean {
  if (granted === undefined) return false;
  if (granted.has(scopeOf("*", "*")) || granted.has(scopeOf(instance, "*"))) return true;
  if (keyRing === undefined) return false;
  return granted.has(scopeOf("*", keyRing)) || granted.has(scopeOf(instance, keyRing));
}
