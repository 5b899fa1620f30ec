/** Addresses that a server listens on. */
import { isIP, isIPv6 } from "node:net";

/** Address of a listener. */
export type ListenAddress = TcpAddress | UnixAddress;

/** A TCP address. */
export interface TcpAddress {
  readonly kind: "tcp";
  /** Host name or IP address, without brackets. */
  readonly host: string;
  /** 0 lets the system choose. */
  readonly port: number;
}

/** A Unix socket. */
export interface UnixAddress {
  readonly kind: "unix";
  /** Absolute path of the socket. */
  readonly path: string;
}

/** Maximum length of a path in `sockaddr_un` on Linux, in bytes, without the closing NUL. */
const maxUnixPathBytes = 107;

/** A host name. Dotted numbers that are not an IPv4 address are a typing error, not a name. */
export const hostName = /^(?![\d.]+$)(?!-)[A-Za-z0-9-]{1,63}(?:\.(?!-)[A-Za-z0-9-]{1,63})*$/;

/** Parses `host:port`, `[v6]:port` or `unix:/path`; returns `undefined` for anything else. */
export function parseListenAddress(text: string): ListenAddress | undefined {
  if (text.startsWith("unix:")) {
    const path = text.slice("unix:".length).replace(/^\/{2}(?=\/)/, "");
    const isUsable =
      /^\/(?!\/).*[^/]$/.test(path) &&
      !path.includes("\0") &&
      Buffer.byteLength(path) <= maxUnixPathBytes;
    return isUsable ? { kind: "unix", path } : undefined;
  }
  return parseTcpAddress(text);
}

/** Parses `host:port` or `[v6]:port`; returns `undefined` for anything else. */
export function parseTcpAddress(text: string): TcpAddress | undefined {
  const parts = /^(?:\[(?<v6>[^\]]+)\]|(?<host>[^:[\]]+)):(?<port>\d{1,5})$/.exec(text)?.groups;
  if (parts === undefined) return undefined;
  const port = Number(parts["port"]);
  if (port > 65_535) return undefined;
  const { v6, host } = parts;
  if (v6 !== undefined) return isIPv6(v6) ? { kind: "tcp", host: v6, port } : undefined;
  if (host === undefined) return undefined;
  return isIP(host) === 4 || hostName.test(host) ? { kind: "tcp", host, port } : undefined;
}

/** Formats an address so that `parseListenAddress` returns it again. */
export function formatListenAddress(address: ListenAddress): string {
  if (address.kind === "unix") return `unix:${address.path}`;
  const host = isIPv6(address.host) ? `[${address.host}]` : address.host;
  return `${host}:${address.port}`;
}

/** Whether a host can only be reached from this machine: 127.0.0.0/8, `::1` or `localhost`. */
export function isLoopbackHost(host: string): boolean {
  const bare = host.replace(/^\[(.*)\]$/, "$1").toLowerCase();
  if (isIP(bare) === 4) return bare.startsWith("127.");
  return bare === "::1" || bare === "0:0:0:0:0:0:0:1" || bare === "localhost";
}

/** Whether a host is a link-local address (169.254.0.0/16, fe80::/10), which no router forwards. */
export function isLinkLocalHost(host: string): boolean {
  const bare = host.replace(/^\[(.*)\]$/, "$1").toLowerCase();
  if (isIP(bare) === 4) return bare.startsWith("169.254.");
  return isIP(bare) === 6 && /^fe[89ab][0-9a-f]:/.test(bare);
}

/** Whether only processes of this machine can connect to an address. */
export function isLocalAddress(address: ListenAddress): boolean {
  return address.kind === "unix" || isLoopbackHost(address.host);
}
