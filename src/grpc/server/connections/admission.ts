import { unixGroup } from "./peer-group.ts";

/** Bounds of the number of connections. */
export interface ConnectionLimits {
  /** Most connections in all. */
  readonly max: number;
  /** Most connections of one peer: an IPv4 address or an IPv6 network. Not of a Unix socket. */
  readonly maxPerPeer: number;
}

/** The bound that a connection met. */
export type ConnectionLimit = "total" | "peer";

/**
 * Whether a new connection is accepted, perhaps in place of another one. `limit` is absent if no
 * bound is met.
 */
export type Admission<C> =
  | { readonly isAdmitted: true; readonly evicted?: C; readonly limit?: ConnectionLimit }
  | { readonly isAdmitted: false; readonly limit: ConnectionLimit };

/**
 * Decides about a new connection of a peer, by the open connections of each peer, the oldest first.
 * At a bound, an idle connection of the same peer makes room. At the bound of all connections, a
 * peer with fewer connections takes the place of one of the peer with the most: an idle one, or
 * else the oldest. So no peer can keep the others out, and a peer that opens too many harms only
 * itself.
 */
export function admit<C>(
  byPeer: ReadonlyMap<string, ReadonlySet<C>>,
  peer: string,
  limits: ConnectionLimits,
  isIdle: (connection: C) => boolean,
): Admission<C> {
  const own = byPeer.get(peer) ?? new Set();
  if (peer !== unixGroup && own.size >= limits.maxPerPeer) {
    return inPlaceOf(firstIdle(own, isIdle), "peer");
  }
  let total = 0;
  let largest = own;
  for (const connections of byPeer.values()) {
    total += connections.size;
    if (connections.size > largest.size) largest = connections;
  }
  if (total < limits.max) return { isAdmitted: true };
  const idle = firstIdle(largest, isIdle);
  if (largest === own) return inPlaceOf(idle, "total");
  const [oldest] = largest;
  return inPlaceOf(idle ?? oldest, "total");
}

const inPlaceOf = <C>(evicted: C | undefined, limit: ConnectionLimit): Admission<C> =>
  evicted === undefined ? { isAdmitted: false, limit } : { isAdmitted: true, evicted, limit };

function firstIdle<C>(
  connections: ReadonlySet<C>,
  isIdle: (connection: C) => boolean,
): C | undefined {
  for (const connection of connections) if (isIdle(connection)) return connection;
  return undefined;
}
