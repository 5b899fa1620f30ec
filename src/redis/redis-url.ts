import { isIP } from "node:net";
import type { ConnectionOptions } from "node:tls";

/** An address of Redis in the client library's terms. */
export interface RedisAddress {
  readonly host: string;
  readonly port: number;
  readonly db: number;
  readonly tls?: ConnectionOptions;
}

/**
 * Reads `redis://host:port/database` and `rediss://…`. Port 6379 and database 0 are the defaults. Throws a RangeError, whose
 * text does not hold the URL, for anything else: user and password have settings of their own, because URLs end up in logs.
 */
export function parseRedisUrl(text: string, ca?: string): RedisAddress {
  const url = URL.canParse(text) ? new URL(text) : undefined;
  if (url === undefined || (url.protocol !== "redis:" && url.protocol !== "rediss:")) {
    throw new RangeError("the address of Redis must be redis://host:port or rediss://host:port");
  }
  if (url.username !== "" || url.password !== "") {
    throw new RangeError("the address of Redis must not hold a user or a password");
  }
  const host = url.hostname.replace(/^\[(.*)\]$/, "$1");
  const database = /^\/?(\d{0,5})$/.exec(url.pathname)?.[1];
  if (host === "" || database === undefined || url.search !== "" || url.hash !== "") {
    throw new RangeError("the address of Redis must be host, port and the number of a database");
  }
  return {
    host,
    port: url.port === "" ? 6379 : Number(url.port),
    db: Number(database),
    ...(url.protocol === "rediss:" ? { tls: tlsOptions(host, ca) } : {}),
  };
}

function tlsOptions(host: string, ca: string | undefined): ConnectionOptions {
  return {
    minVersion: "TLSv1.2",
    // RFC 6066 section 3: no literal addresses in the name that is asked for.
    ...(isIP(host) === 0 ? { servername: host } : {}),
    ...(ca === undefined ? {} : { ca }),
  };
}
