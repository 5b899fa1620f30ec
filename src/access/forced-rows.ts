import { rpcTable, type Rpc } from "../rpc-table.ts";

/** The RPCs whose field `force` overrides a protection. */
const forcible: ReadonlySet<string> = new Set(["DeleteKey", "DeleteKeyRing", "DeleteObject"]);

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
