import { rpcOf, rpcTable, type PriorityClass, type Rpc } from "../rpc-table.ts";

const actions = "/keyprotect.v1.KeyActionsService";

/** The RPCs with many items, and the RPC that each item is a request of. */
const itemRpcs: readonly (readonly [many: string, single: string])[] = [
  ["BatchWrapKey", "WrapKey"],
  ["BatchUnwrapKey", "UnwrapKey"],
  ["BatchRewrapKey", "RewrapKey"],
  ["RewrapStream", "RewrapKey"],
];

/** The paths of the RPCs whose messages are a stream. */
export const streamPaths: ReadonlySet<string> = new Set([`${actions}/RewrapStream`]);

/**
 * The row of the RPC that each item is a request of, by the path of the RPC with many items. Its
 * retry class, time-out, circuit and name in metrics are those of the items' requests, and access
 * rules have to allow it too.
 */
export const itemRows: ReadonlyMap<string, Rpc> = new Map(
  itemRpcs.map(([many, single]) => [`${actions}/${many}`, rpcOf(`${actions}/${single}`)]),
);

/** Those rows by path and priority, made once: the outbound pipeline is assembled per row. */
const byPriority: ReadonlyMap<string, ReadonlyMap<PriorityClass, Rpc>> = new Map(
  [...itemRows].map(([path, single]) => {
    const priorities = new Set([single.priority, ...rpcTable.map(({ priority }) => priority)]);
    const rowOf = (priority: PriorityClass): Rpc =>
      priority === single.priority ? single : { ...single, priority };
    return [path, new Map([...priorities].map((priority) => [priority, rowOf(priority)]))];
  }),
);

/**
 * The row in whose name the items of a call are sent, with the priority of the call. Throws if the
 * RPC has no items, which is a defect of the gateway.
 */
export function itemRowOf({ path, priority }: Rpc): Rpc {
  const row = byPriority.get(path)?.get(priority);
  if (row === undefined) throw new Error(`${path} has no items`);
  return row;
}
