import { z } from "zod";
import {
  type ListenAddress,
  parseListenAddress,
  parseTcpAddress,
  type TcpAddress,
} from "../listen-address.ts";
import { Secret } from "../../platform/secret.ts";
import { isUuid } from "../../platform/uuid.ts";

/** What values a setting takes: how they are checked, how they are read from a variable, what to call them. */
export interface ValueKind<T> {
  /** Checks the value as it stands in YAML. */
  readonly schema: z.ZodType<T>;
  /** Ends the sentence "has to be ...". */
  readonly expected: string;
  /** Turns the text of a variable into what YAML would give. */
  readonly fromText: (text: string) => unknown;
}

const asIs = (text: string): string => text;

const splitList = (text: string): string[] =>
  text
    .split(",")
    .map((item) => item.trim())
    .filter((item) => item !== "");

/** A text that a function reads; what it gives `undefined` for is refused. */
function parsed<T>(expected: string, parse: (text: string) => T | undefined): ValueKind<T> {
  const schema = z.string().transform((text, context): T => {
    const value = parse(text);
    if (value !== undefined) return value;
    context.addIssue({ code: "custom", message: expected });
    return z.NEVER;
  });
  return { schema, expected, fromText: asIs };
}

/** One or more values of a kind; in YAML a list or, like in a variable, a text with commas. */
function listOf<T>(item: ValueKind<T>, expected: string): ValueKind<readonly T[]> {
  const schema = z.preprocess(
    (value) => (typeof value === "string" ? splitList(value) : value),
    z.array(item.schema).min(1),
  );
  return { schema, expected, fromText: splitList };
}

/** A URL without credentials, query and fragment, as `check` wants it. */
function url(expected: string, check: (url: URL) => string | undefined): ValueKind<string> {
  return parsed(expected, (text) => {
    if (!URL.canParse(text)) return undefined;
    const address = new URL(text);
    const isPlain =
      (address.protocol === "https:" || address.protocol === "http:") &&
      address.username === "" &&
      address.password === "" &&
      !/[?#]/.test(text);
    return isPlain ? check(address) : undefined;
  });
}

function matching(expected: string, pattern: RegExp): ValueKind<string> {
  return parsed(expected, (value) => (pattern.test(value) ? value : undefined));
}

/** The kinds of values that settings have. */
export const kinds = {
  integer: (minimum: number, maximum: number): ValueKind<number> => ({
    schema: z.int().min(minimum).max(maximum),
    expected: `a whole number from ${minimum} to ${maximum}`,
    fromText: (value) => (/^\d{1,15}$/.test(value) ? Number(value) : value),
  }),
  flag: {
    schema: z.boolean(),
    expected: "`true` or `false`",
    fromText: (value) => (value === "true" ? true : value === "false" ? false : value),
  } satisfies ValueKind<boolean>,
  choice: <const T extends readonly [string, ...string[]]>(values: T): ValueKind<T[number]> => ({
    // YAML reads an unquoted 2019 as a number, and an unquoted `on` as a text.
    schema: z.preprocess(
      (value) => (typeof value === "number" ? String(value) : value),
      z.enum(values),
    ),
    expected: `one of ${values.map((value) => `\`${value}\``).join(", ")}`,
    fromText: asIs,
  }),
  listenAddresses: listOf<ListenAddress>(
    parsed("", parseListenAddress),
    "one or more of `host:port`, `[v6]:port`, `unix:/path`",
  ),
  tcpAddress: parsed<TcpAddress>("`host:port` or `[v6]:port`", parseTcpAddress),
  /** The API's base path is the gateway's business, but people copy it along from the documentation. */
  serviceUrl: url("an `https://` URL without a path, query or credentials", (address) =>
    /^(?:\/api\/v2)?\/?$/.test(address.pathname) ? address.origin : undefined,
  ),
  iamUrl: url("an `https://` URL without query or credentials", (address) =>
    address.href.replace(/\/+$/, ""),
  ),
  /** A password in it would be in the file, and in every list of processes. */
  redisUrl: parsed(
    "a `redis://` or `rediss://` URL of host, port and database, without credentials",
    (text) => {
      if (!URL.canParse(text)) return undefined;
      const { protocol, hostname, username, password, pathname, search, hash } = new URL(text);
      const isPlain =
        username + password + search + hash === "" && /^(?:\/\d{0,5})?$/.test(pathname);
      const isRedis = protocol === "redis:" || protocol === "rediss:";
      return isRedis && hostname !== "" && isPlain ? text : undefined;
    },
  ),
  name: matching("1 to 128 visible characters", /^[\x21-\x7e]{1,128}$/),
  keyPrefix: matching("1 to 64 letters, digits and any of `:._-`", /^[A-Za-z0-9:._-]{1,64}$/),
  uuid: parsed("a UUID", (value) => (isUuid(value) ? value.toLowerCase() : undefined)),
  alias: matching(
    "1 to 63 lower-case letters, digits and hyphens, the first a letter or digit",
    /^[a-z0-9][a-z0-9-]{0,62}$/,
  ),
  path: parsed("the path of a file", (value) =>
    value !== "" && !value.includes("\0") ? value : undefined,
  ),
  trustDomains: listOf(
    matching("", /^(?=.{1,255}$)[a-z0-9._-]+$/),
    "one or more SPIFFE trust domains, without `spiffe://`",
  ),
  callers: listOf(
    matching(
      "",
      /^(?:spiffe:\/\/[a-z0-9._-]+(?:\/[A-Za-z0-9._-]+)*\/(?:[A-Za-z0-9._-]+|\*)|unix|anonymous|\*)$/,
    ),
    "one or more of a SPIFFE ID (a closing `/*` stands for any rest), `unix`, `anonymous`, `*`",
  ),
  methods: listOf(
    matching("", /^(?:\*|[A-Za-z][A-Za-z0-9]*\/(?:\*|[A-Za-z][A-Za-z0-9]*))$/),
    "one or more of `Service/Method`, `Service/*`, `*`",
  ),
  aliases: listOf(
    matching("", /^(?:\*|[a-z0-9][a-z0-9-]{0,62})$/),
    "one or more aliases of instances, or `*`",
  ),
  /** Only a variable or a file of its own can hold a secret: a text in YAML is never a `Secret`. */
  secret: {
    schema: z.instanceof(Secret),
    expected: "in the variable or, better, a file of its own, never in the YAML file",
    fromText: (value) => new Secret(value),
  } satisfies ValueKind<Secret>,
};
