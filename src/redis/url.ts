/** Parses the URL of a Redis server. */
import { isIP } from "node:net";
import type { ConnectionOptions } from "node:tls";

/** The address of a Redis server as ioredis expects it. */
export interface RedisAddress {
  readonly host: string;
  readonly port: number;
  readonly db: number;
  readonly tls?: ConnectionOptions;
}

/**
 * Parses `redis://host:port/database` and `rediss://…`. Defaults: port 6379, database 0. Throws a
 * RangeError for anything else; its message does not contain the URL. User and password have their
 * own settings, because URLs end up in logs.
 */
export function parseRedisUrl(text: string, ca?: string): RedisAddress {
  const url = URL.canParse(text) ? new URL(text) : undefined;
  if (url === undefined || (url.protocol !== "redis:" && url.protocol !== "rediss:")) {
    throw new RangeError("the address of Redis must be redis://host:port or rediss://host:port");
  }
  if (url.username !== "" || url.password !== "") {
    throw new RangeError("the address of Redis must not contain a user or a password");
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
    // RFC 6066, section 3: the server name must not be an IP address.
    ...(isIP(host) === 0 ? { servername: host } : {}),
    ...(ca === undefined ? {} : { ca }),
  };
}
