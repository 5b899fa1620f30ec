/** Guards against DNS rebinding: the names under which the console may be opened. */
import { isIP } from "node:net";

/**
 * The host in a `Host` header, in lower case, without its port and brackets; `undefined` if it is
 * malformed.
 */
function hostOf(header: string): string | undefined {
  const parts = /^(?:\[(?<v6>[0-9a-f:.]+)\]|(?<host>[^:[\]/?#@\\\s]+))(?::\d{1,5})?$/i.exec(
    header,
  )?.groups;
  return (parts?.["v6"] ?? parts?.["host"])?.toLowerCase().replace(/\.$/, "");
}

/**
 * Whether a request with this `Host` header may read the console. A foreign web page that has its
 * own name resolve to this machine sends its own name. So IP addresses are accepted, `localhost`,
 * and the given names, and nothing else. A request without the header is refused.
 */
export function isHostAllowed(header: string | undefined, names: readonly string[]): boolean {
  const host = header === undefined ? undefined : hostOf(header);
  if (host === undefined) return false;
  return (
    isIP(host) !== 0 || host === "localhost" || host.endsWith(".localhost") || names.includes(host)
  );
}
