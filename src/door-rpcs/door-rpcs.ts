/**
 * The RPCs of the doors: contracts of other projects, each served on a listener of its own
 * (`endpoints` of the configuration). They are no part of the gateway's contract, so their rows are
 * not in `rpc-table.ts`. The room imports nothing else: access rules, metrics and the
 * configuration need the rows, and the doors themselves import all of these.
 */
import type { Rpc } from "../rpc-table.ts";

/** The kinds of doors, as the configuration names them. */
export const doorKinds = ["kubernetes-kms-v2", "sops"] as const;

/** A kind of door. */
export type DoorKind = (typeof doorKinds)[number];

/**
 * The fields that all RPCs of doors have in common. A call of a door sends the requests of WrapKey
 * or UnwrapKey, by the rows of those RPCs. So `attemptTimeoutMs` and `coalesce` have no effect.
 */
const action = {
  retry: "safe",
  priority: "interactive",
  highestPriority: "interactive",
  attemptTimeoutMs: 3_000,
  resource: "key",
  coalesce: "never",
  keyRing: "none",
  sensitive: false,
} as const;

/**
 * The rows of one foreign service. `service` is its name in access rules and metrics, since the
 * names of others may mean anything (`v2.KeyManagementService`). `grpcService` is the name on the
 * wire.
 */
const rows = (
  service: string,
  grpcService: string,
  methods: readonly string[],
  defaultDeadlineMs: number,
): readonly Rpc[] =>
  methods.map((method) => ({
    ...action,
    service,
    method,
    path: `/${grpcService}/${method}`,
    defaultDeadlineMs,
  }));

/** The rows of each kind of door. */
export const rpcsOfDoor: Readonly<Record<DoorKind, readonly Rpc[]>> = {
  // The API server's own time-out is 3 s if its configuration sets none.
  "kubernetes-kms-v2": rows(
    "KubernetesKms",
    "v2.KeyManagementService",
    ["Status", "Encrypt", "Decrypt"],
    3_000,
  ),
  // sops sets no deadline.
  sops: rows("SopsKeyService", "KeyService", ["Encrypt", "Decrypt"], 5_000),
};

/** The rows of all doors. */
export const doorRpcs: readonly Rpc[] = Object.values(rpcsOfDoor).flat();
