/** HTTP proxies as other programs name them in `HTTPS_PROXY` and `NO_PROXY`. */
import { isIP } from "node:net";
import { isLoopbackHost } from "./listen-address.ts";
import { isWithin, parseIpAddress, parseIpNetwork } from "../platform/network/ip-network.ts";
import { Secret } from "../platform/secret.ts";

/** An HTTP proxy. */
export interface ProxyServer {
  /** `http://` or `https://`, host and port; without user and password. */
  readonly origin: string;
  /** `user:password`, decoded; absent if the URL has none. */
  readonly credentials: Secret | undefined;
}

const defaultPorts: Readonly<Record<string, string>> = { "http:": "80", "https:": "443" };

/** Decodes percent-encoding; `undefined` if it is malformed. */
function decoded(text: string): string | undefined {
  try {
    return decodeURIComponent(text);
  } catch {
    return undefined;
  }
}

/** `user:password` of a URL; `undefined` if Basic authentication (RFC 7617) cannot carry it. */
function credentialsOf({ username, password }: URL): string | undefined {
  const user = decoded(username);
  const secret = decoded(password);
  if (user === undefined || secret === undefined || user.includes(":")) return undefined;
  return /\p{Cc}/u.test(user + secret) ? undefined : `${user}:${secret}`;
}

/**
 * Parses the URL of a proxy; without a scheme it is `http://`, as in curl. Returns `undefined` for
 * another scheme, for a path or query, and for a user or password that cannot be sent.
 */
export function parseProxyUrl(text: string): ProxyServer | undefined {
  const full = /^[a-z][a-z\d+.-]*:\/\//i.test(text) ? text : `http://${text}`;
  if (!URL.canParse(full)) return undefined;
  const url = new URL(full);
  const port = url.port || defaultPorts[url.protocol];
  const isPlain = url.pathname === "/" && !/[?#\s]/.test(full);
  if (port === undefined || !isPlain) return undefined;
  const origin = `${url.protocol}//${url.hostname}:${port}`;
  if (url.username + url.password === "") return { origin, credentials: undefined };
  const credentials = credentialsOf(url);
  return credentials === undefined ? undefined : { origin, credentials: new Secret(credentials) };
}

/** A host name in the form that is compared: lower case, without brackets and a final dot. */
const bareHost = (host: string): string =>
  host
    .toLowerCase()
    .replace(/^\[(.*)\]$/, "$1")
    .replace(/\.$/, "");

/** Whether a host is an address in a network such as `10.0.0.0/8`. */
function isInNetwork(host: string, network: string): boolean {
  const [inner, outer] = [parseIpAddress(host), parseIpNetwork(network)];
  return inner !== undefined && outer !== undefined && isWithin(inner, outer);
}

/** Splits `host:port` and `[v6]:port`; an IPv6 address without brackets has no port. */
function hostAndPort(entry: string): readonly [host: string, port: string] {
  if (isIP(entry) === 6) return [entry, ""];
  const [, host = entry, port = ""] = /^(.*):(\d{1,5})$/.exec(entry) ?? [];
  return [host, port];
}

function matches(host: string, port: string, entry: string): boolean {
  if (entry === "*") return true;
  if (entry.includes("/")) return isInNetwork(host, entry);
  const [pattern, onlyPort] = hostAndPort(entry);
  if (onlyPort !== "" && Number(onlyPort) !== Number(port)) return false;
  const name = bareHost(pattern).replace(/^\*?\./, "");
  if (isIP(name) !== 0) {
    const width = isIP(name) === 4 ? 32 : 128;
    return isInNetwork(host, `${name}/${width}`);
  }
  return name !== "" && (host === name || (isIP(host) === 0 && host.endsWith(`.${name}`)));
}

/**
 * Whether a URL is reached without a proxy: its host is this machine, or an entry of `NO_PROXY`
 * matches. An entry is `*`, a name, which includes the names below it and may begin with `.` or
 * `*.`, an IP address or a network (`10.0.0.0/8`); a name or an address may be followed by a port.
 * Names are not resolved. An entry of another form matches nothing.
 */
export function isReachedDirectly(address: string, noProxy: readonly string[]): boolean {
  const url = new URL(address);
  const host = bareHost(url.hostname);
  const port = url.port || (defaultPorts[url.protocol] ?? "");
  return isLoopbackHost(host) || noProxy.some((entry) => matches(host, port, entry));
}
