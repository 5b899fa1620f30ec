import { isIPv4, isIPv6 } from "node:net";

/** The group of all callers on a Unix socket: Node does not tell them apart. */
export const unixGroup = "unix";

/**
 * The group of callers that share the bounds of one peer: an IPv4 address, or the first 64 bits of
 * an IPv6 address, since one host can use every address of such a network. `undefined`, the address
 * of a Unix socket, gives `unix`.
 */
export function peerGroup(address: string | undefined): string {
  if (address === undefined) return unixGroup;
  const [plain = ""] = address.split("%", 1);
  const mapped = /^::ffff:(.+)$/i.exec(plain)?.[1];
  if (mapped !== undefined && isIPv4(mapped)) return mapped;
  if (!isIPv6(plain)) return plain;
  const [head = "", tail] = plain.split("::", 2);
  const first = head === "" ? [] : head.split(":");
  const last = tail === undefined || tail === "" ? [] : tail.split(":");
  const zeros = Array.from({ length: Math.max(0, 8 - first.length - last.length) }, () => "0");
  return [...first, ...zeros, ...last].slice(0, 4).map(withoutZeros).join(":");
}

const withoutZeros = (part: string): string => part.toLowerCase().replace(/^0+(?=.)/, "");

/** The group of a call's peer as grpc-js writes it: `127.0.0.1:1`, `::1:1` or `unix`. */
export function groupOfPeer(peer: string): string {
  const end = peer.lastIndexOf(":");
  return end < 0 ? peer : peerGroup(peer.slice(0, end));
}
