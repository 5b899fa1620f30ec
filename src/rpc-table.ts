/**
 * The table of RPCs. It holds everything that differs between RPCs except their message mapping:
 * whether they may be retried, their priority, their time limits, whether they are coalesced, and
 * whether wildcards in access rules include them. Start-up fails if an RPC of the contract has no
 * row (`assertTableCovers`).
 */

/**
 * The effect of sending the upstream request again.
 *
 * - `safe`: a retry has no effect of its own.
 * - `conditional`: a retry is harmless, but its response may be "already done" (404, 410) and
 *   must be read as a success.
 * - `unsafe`: a second execution has an effect of its own, so only a request that certainly was
 *   not executed may be retried.
 */
export type RetryClass = "safe" | "conditional" | "unsafe";

/** Statuses that say "already done". */
export type SecondAnswer =
  | "NOT_FOUND"
  | "FAILED_PRECONDITION"
  | "ALREADY_EXISTS"
  | "INVALID_ARGUMENT";

/** Queueing priority, from the first served to the last, when the upstream quota is short. */
export type PriorityClass = "interactive" | "management" | "bulk";

/**
 * Which setting lets identical calls at the same moment share one upstream request.
 *
 * - `read`: `GATEWAY_COALESCE_READS`.
 * - `unwrap`: `GATEWAY_COALESCE_UNWRAPS`.
 * - `never`: each call has its own request.
 */
export type CoalesceClass = "read" | "unwrap" | "never";

/** The resource in the path of the upstream request; determines how a 404 is read. */
export type ResourceKind = "key" | "locker" | "keyRing" | "none";

/**
 * How an RPC relates to key rings.
 *
 * - `within`: it concerns keys, and the metadata `x-kp-key-ring` limits it to those of one ring.
 * - `new`: it makes a key in the ring that the metadata or its field `key_ring_id` names.
 * - `target`: it moves a key to the ring in its field `key_ring_id`.
 * - `none`: it concerns nothing that lies in a ring; the metadata has no meaning.
 */
export type KeyRingUse = "within" | "new" | "target" | "none";

/** One row of the table. */
export interface Rpc {
  /** Full service name, such as `keyprotect.v1.KeysService`. */
  readonly service: string;
  /** Method name, such as `CreateKey`. */
  readonly method: string;
  /** gRPC path, such as `/keyprotect.v1.KeysService/CreateKey`. */
  readonly path: string;
  readonly retry: RetryClass;
  /** For `conditional`: the status that a second execution is answered with. */
  readonly secondAnswer?: SecondAnswer;
  readonly priority: PriorityClass;
  /** The highest priority that a caller may select in the metadata. Default: `priority`. */
  readonly highestPriority: PriorityClass;
  /** Deadline for callers that send none, in milliseconds. */
  readonly defaultDeadlineMs: number;
  /** Time-out of one upstream request, in milliseconds. */
  readonly attemptTimeoutMs: number;
  readonly resource: ResourceKind;
  readonly coalesce: CoalesceClass;
  readonly keyRing: KeyRingUse;
  /**
   * Whether the RPC irreversibly destroys, discloses or sets something, or takes away what others
   * use. A wildcard in an access rule does not include such an RPC; the rule must name it.
   */
  readonly sensitive: boolean;
}

type Row = Partial<Pick<Rpc, "highestPriority" | "secondAnswer">> &
  Pick<
    Rpc,
    | "retry"
    | "priority"
    | "defaultDeadlineMs"
    | "attemptTimeoutMs"
    | "resource"
    | "coalesce"
    | "keyRing"
    | "sensitive"
  >;

const rows = (service: string, methods: Readonly<Record<string, Row>>): Rpc[] =>
  Object.entries(methods).map(([method, row]) => ({
    service,
    method,
    path: `/${service}/${method}`,
    highestPriority: row.priority,
    ...row,
  }));

/** A request that may be retried times out early, which leaves time for another attempt. */
const repeatable = {
  retry: "safe",
  attemptTimeoutMs: 3_000,
  coalesce: "never",
  keyRing: "within",
  sensitive: false,
} as const;
const read = { ...repeatable, priority: "interactive", defaultDeadlineMs: 10_000 } as const;
const action = { ...repeatable, priority: "interactive", defaultDeadlineMs: 5_000 } as const;
/** Up to 1,002 keys in one response. */
const bulk = {
  ...repeatable,
  priority: "bulk",
  defaultDeadlineMs: 15_000,
  attemptTimeoutMs: 8_000,
} as const;
/** An early time-out would make the outcome unknown, and generating an RSA-4096 pair is slow. */
const change = {
  retry: "unsafe",
  priority: "management",
  defaultDeadlineMs: 30_000,
  attemptTimeoutMs: 8_000,
  coalesce: "never",
  keyRing: "within",
  sensitive: false,
} as const;

/** A change of a key whose repetition is answered as done already. */
const conditional = {
  ...change,
  retry: "conditional",
  secondAnswer: "NOT_FOUND",
  resource: "key",
} as const;
/** A change of a key's state: a second one meets a key that is in that state already. */
const stateChange = { ...conditional, secondAnswer: "FAILED_PRECONDITION" } as const;

/** The rows, in the order of the contract. */
export const rpcTable: readonly Rpc[] = [
  ...rows("keyprotect.v1.KeysService", {
    CreateKey: { ...change, resource: "none", keyRing: "new" },
    ListKeys: { ...bulk, resource: "none" },
    CountKeys: { ...read, resource: "none", coalesce: "read" },
    GetKey: { ...read, resource: "key", coalesce: "read" },
    GetKeyMaterial: { ...read, resource: "key", sensitive: true },
    DeleteKey: { ...conditional, sensitive: true },
    UpdateKey: { ...conditional, keyRing: "target", sensitive: true },
    RestoreKey: { ...stateChange, sensitive: true },
    PurgeKey: { ...conditional, sensitive: true },
    EnableKey: { ...stateChange, sensitive: true },
    DisableKey: { ...stateChange, sensitive: true },
    ScheduleKeyDeletion: { ...change, ...repeatable, resource: "key", sensitive: true },
    CancelKeyDeletion: { ...change, ...repeatable, resource: "key" },
    SyncKey: { ...change, ...repeatable, resource: "key" },
    ListKeyVersions: { ...bulk, resource: "key" },
  }),
  ...rows("keyprotect.v1.KeyActionsService", {
    WrapKey: { ...action, resource: "key" },
    GenerateDataKey: { ...action, resource: "key" },
    UnwrapKey: { ...action, resource: "key", coalesce: "unwrap" },
    RotateKey: { ...change, resource: "key", sensitive: true },
    // Re-encrypting a store must not hold up the unwraps of those who read it.
    RewrapKey: { ...action, priority: "bulk", highestPriority: "interactive", resource: "key" },
  }),
  ...rows("keyprotect.v1.PoliciesService", {
    GetKeyPolicies: { ...read, resource: "key", coalesce: "read" },
    // A dual authorization cannot be taken back.
    ReplaceKeyPolicies: { ...change, ...repeatable, resource: "key", sensitive: true },
  }),
  ...rows("keyprotect.v1.InstancePoliciesService", {
    GetInstancePolicies: { ...read, resource: "none", keyRing: "none" },
    // Every user of the instance has to comply with them.
    ReplaceInstancePolicies: {
      ...change,
      ...repeatable,
      resource: "none",
      keyRing: "none",
      sensitive: true,
    },
    GetPrivateEndpointPort: { ...read, resource: "none", keyRing: "none" },
  }),
  ...rows("keyprotect.v1.AliasesService", {
    CreateAlias: { ...conditional, secondAnswer: "ALREADY_EXISTS" },
    DeleteAlias: { ...conditional, sensitive: true },
  }),
  ...rows("keyprotect.v1.KeyRingsService", {
    ListKeyRings: { ...bulk, resource: "none", keyRing: "none" },
    CreateKeyRing: {
      ...conditional,
      secondAnswer: "INVALID_ARGUMENT",
      resource: "keyRing",
      keyRing: "none",
    },
    DeleteKeyRing: { ...conditional, resource: "keyRing", keyRing: "none", sensitive: true },
  }),
  ...rows("keyprotect.v1.RegistrationsService", {
    ListRegistrations: { ...bulk, resource: "key" },
  }),
  ...rows("keyprotect.v1.LockersService", {
    // It replaces the locker of all who use the instance.
    CreateLocker: { ...change, resource: "none", keyRing: "none", sensitive: true },
    ListLockers: {
      ...bulk,
      attemptTimeoutMs: 3_000,
      resource: "none",
      coalesce: "read",
      keyRing: "none",
    },
    RetrieveLocker: { ...change, resource: "locker", keyRing: "none", sensitive: true },
  }),
];

/** The RPCs whose field `force` overrides a protection. */
const forcible: ReadonlySet<string> = new Set(["DeleteKey", "DeleteKeyRing"]);

/**
 * For access rules: a row for the forced form of each RPC that has one, by the path of the RPC. Its
 * method is `DeleteKey:force`, for example, and only a rule that names it allows it.
 */
export const forcedRows: ReadonlyMap<string, Rpc> = new Map(
  rpcTable
    .filter(({ method }) => forcible.has(method))
    .map((rpc) => [
      rpc.path,
      { ...rpc, method: `${rpc.method}:force`, path: `${rpc.path}:force`, sensitive: true },
    ]),
);

/** Rows by gRPC path. */
export const rpcByPath: ReadonlyMap<string, Rpc> = new Map(rpcTable.map((rpc) => [rpc.path, rpc]));

/** The row of an RPC. Throws if there is none, which is a defect of the gateway. */
export function rpcOf(path: string): Rpc {
  const rpc = rpcByPath.get(path);
  if (rpc === undefined) throw new Error(`no row in rpc-table.ts for ${path}`);
  return rpc;
}

/** Throws unless the rows and the given gRPC paths, those of the contract, are the same set. */
export function assertTableCovers(paths: readonly string[]): void {
  const missing = paths.filter((path) => !rpcByPath.has(path));
  const surplus = [...rpcByPath.keys()].filter((path) => !paths.includes(path));
  if (missing.length > 0 || surplus.length > 0) {
    throw new Error(
      `rpc-table.ts and the contract disagree; without a row: ${missing.join(", ") || "none"}; ` +
        `without an RPC: ${surplus.join(", ") || "none"}`,
    );
  }
}
