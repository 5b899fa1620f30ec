/** IP networks in CIDR notation. */
import { BlockList, isIP } from "node:net";

/** An IP network. Its address may lie anywhere in it: `192.0.2.1/24` is `192.0.2.0/24`. */
export interface IpNetwork {
  readonly address: string;
  readonly prefixLength: number;
  readonly family: "ipv4" | "ipv6";
}

/** Parses `address/prefix`; returns `undefined` for anything else, such as an address alone. */
export function parseIpNetwork(text: string): IpNetwork | undefined {
  const [, address = "", prefix = ""] = /^([^/%]+)\/(0|[1-9]\d{0,2})$/.exec(text) ?? [];
  const version = isIP(address);
  const prefixLength = Number(prefix);
  if (version === 0 || prefixLength > (version === 4 ? 32 : 128)) return undefined;
  return { address, prefixLength, family: version === 4 ? "ipv4" : "ipv6" };
}

/** Parses an IP address as the network of that address alone. */
export function parseIpAddress(text: string): IpNetwork | undefined {
  return parseIpNetwork(`${text}/${isIP(text) === 4 ? 32 : 128}`);
}

/** Whether every address of `inner` is one of `outer`. Networks of two families never are. */
export function isWithin(inner: IpNetwork, outer: IpNetwork): boolean {
  if (inner.family !== outer.family || inner.prefixLength < outer.prefixLength) return false;
  const list = new BlockList();
  list.addSubnet(outer.address, outer.prefixLength, outer.family);
  return list.check(inner.address, inner.family);
}
