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
export type ResourceKind =
  | "key"
  | "locker"
  | "keyRing"
  | "kmipAdapter"
  | "kmipObject"
  | "kmipCertificate"
  | "none";

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
   * Whether the RPC irreversibly destroys, discloses or sets something, takes away what others use,
   * or lets somebody in. A wildcard in an access rule does not include such an RPC; the rule must
   * name it.
   */
  readonly sensitive: boolean;
}

type Row = Partial<Pick<Rpc, "highestPriority">> &
  Omit<Rpc, "service" | "method" | "path" | "highestPriority">;

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
/** Re-encrypting a store must not hold up the unwraps of those who read it. */
const rewrap = { ...action, priority: "bulk", highestPriority: "interactive" } as const;
/** Many items, whose requests are made in the name of another row (`access/item-rows.ts`). */
const batch = { resource: "key", defaultDeadlineMs: 15_000 } as const;
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
/** An RPC whose path names nothing, and that concerns nothing that lies in a key ring. */
const ofInstance = { resource: "none", keyRing: "none" } as const;
const keyRing = { resource: "keyRing", keyRing: "none" } as const;
/** Nothing of KMIP lies in a key ring. */
const kmipList = { ...bulk, keyRing: "none" } as const;
const kmipRead = { ...read, keyRing: "none", coalesce: "read" } as const;
const kmipDeletion = { ...conditional, keyRing: "none", sensitive: true } as const;

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
    RewrapKey: { ...rewrap, resource: "key" },
    BatchWrapKey: { ...action, ...batch },
    BatchUnwrapKey: { ...action, ...batch },
    BatchRewrapKey: { ...rewrap, ...batch },
    RewrapStream: { ...rewrap, ...batch, highestPriority: "bulk", defaultDeadlineMs: 3_600_000 },
  }),
  ...rows("keyprotect.v1.PoliciesService", {
    GetKeyPolicies: { ...read, resource: "key", coalesce: "read" },
    // A dual authorization cannot be taken back.
    ReplaceKeyPolicies: { ...change, ...repeatable, resource: "key", sensitive: true },
  }),
  ...rows("keyprotect.v1.InstancePoliciesService", {
    GetInstancePolicies: { ...read, ...ofInstance },
    // Every user of the instance has to comply with them.
    ReplaceInstancePolicies: { ...change, ...repeatable, ...ofInstance, sensitive: true },
    GetPrivateEndpointPort: { ...read, ...ofInstance },
  }),
  ...rows("keyprotect.v1.AliasesService", {
    CreateAlias: { ...conditional, secondAnswer: "ALREADY_EXISTS" },
    DeleteAlias: { ...conditional, sensitive: true },
  }),
  ...rows("keyprotect.v1.KeyRingsService", {
    ListKeyRings: { ...bulk, ...ofInstance },
    CreateKeyRing: { ...conditional, ...keyRing, secondAnswer: "INVALID_ARGUMENT" },
    DeleteKeyRing: { ...conditional, ...keyRing, sensitive: true },
  }),
  ...rows("keyprotect.v1.RegistrationsService", {
    ListRegistrations: { ...bulk, resource: "key" },
  }),
  ...rows("keyprotect.v1.LockersService", {
    // It replaces the locker of all who use the instance.
    CreateLocker: { ...change, ...ofInstance, sensitive: true },
    ListLockers: { ...bulk, ...ofInstance, attemptTimeoutMs: 3_000, coalesce: "read" },
    RetrieveLocker: { ...change, resource: "locker", keyRing: "none", sensitive: true },
  }),
  ...rows("keyprotect.kmip.v1.KmipAdaptersService", {
    ListAdapters: { ...bulk, ...ofInstance },
    // Its path names nothing, so a 404 is about the root key in its body.
    CreateAdapter: { ...change, resource: "key", keyRing: "none" },
    GetAdapter: { ...kmipRead, resource: "kmipAdapter" },
    DeleteAdapter: { ...kmipDeletion, resource: "kmipAdapter" },
  }),
  ...rows("keyprotect.kmip.v1.KmipObjectsService", {
    ListObjects: { ...kmipList, resource: "kmipAdapter" },
    GetObject: { ...kmipRead, resource: "kmipObject" },
    DeleteObject: { ...kmipDeletion, resource: "kmipObject" },
  }),
  ...rows("keyprotect.kmip.v1.KmipCertificatesService", {
    ListCertificates: { ...kmipList, resource: "kmipAdapter" },
    // It lets the owner of the certificate use all keys of the adapter.
    AddCertificate: { ...change, resource: "kmipAdapter", keyRing: "none", sensitive: true },
    GetCertificate: { ...kmipRead, resource: "kmipCertificate" },
    DeleteCertificate: { ...kmipDeletion, resource: "kmipCertificate" },
  }),
];

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
