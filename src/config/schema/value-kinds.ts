/** The kinds of values that settings have. */
import * as z from "zod";
import {
  hostName,
  type ListenAddress,
  parseListenAddress,
  parseTcpAddress,
  type TcpAddress,
} from "../listen-address.ts";
import { isKeyRingId, keyRingIdForm } from "../../access/key-ring-id.ts";
import { parseProxyUrl, type ProxyServer } from "../proxy-server.ts";
import { parseIpAddress, parseIpNetwork } from "../../platform/network/ip-network.ts";
import { attributeForm, headerForm, parsePairs } from "../key-value-pairs.ts";
import { Secret } from "../../platform/secret.ts";
import { isUuid } from "../../platform/uuid.ts";

/** A kind of value: its check, its description, and its conversion from a variable. */
export interface ValueKind<T> {
  /** Checks the value from YAML. */
  readonly schema: z.ZodType<T>;
  /** Completes the sentence "has to be ...". */
  readonly expected: string;
  /** Converts the text of a variable to the value that YAML would give. */
  readonly fromText: (text: string) => unknown;
}

const asIs = (text: string): string => text;

const splitList = (text: string): string[] =>
  text
    .split(",")
    .map((item) => item.trim())
    .filter((item) => item !== "");

/** curl also separates by blanks. */
const splitNoProxy = (text: string): string[] =>
  text.split(/[\s,]+/).filter((entry) => entry !== "");

/** A text that `parse` converts; `undefined` means invalid. */
function parsed<T>(expected: string, parse: (text: string) => T | undefined): ValueKind<T> {
  const schema = z.string().transform((text, context): T => {
    const value = parse(text);
    if (value !== undefined) return value;
    context.addIssue({ code: "custom", message: expected });
    return z.NEVER;
  });
  return { schema, expected, fromText: asIs };
}

/** Values of a kind: in YAML a list, or a comma-separated text as in a variable. */
export function listOf<T>(
  item: ValueKind<T>,
  expected: string,
  { minimum = 1, maximum = Number.POSITIVE_INFINITY } = {},
): ValueKind<readonly T[]> {
  const schema = z.preprocess(
    (value) => (typeof value === "string" ? splitList(value) : value),
    z.array(item.schema).min(minimum).max(maximum),
  );
  return { schema, expected, fromText: splitList };
}

/** A URL without credentials, query and fragment that `check` accepts and normalizes. */
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

/** Values of a kind: texts that match a pattern. */
export function textKind(expected: string, pattern: RegExp): ValueKind<string> {
  return parsed(expected, (value) => (pattern.test(value) ? value : undefined));
}

const uuid = parsed("a UUID", (value) => (isUuid(value) ? value.toLowerCase() : undefined));

/** All kinds of values. */
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
    // YAML parses an unquoted 2019 as a number, and an unquoted `on` as a text.
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
  listenAddress: parsed<ListenAddress>(
    "one of `host:port`, `[v6]:port`, `unix:/path`",
    parseListenAddress,
  ),
  tcpAddress: parsed<TcpAddress>("`host:port` or `[v6]:port`", parseTcpAddress),
  /** `/api/v2` is accepted and dropped: operators copy it from the documentation. */
  serviceUrl: url("an `https://` URL without a path, query or credentials", (address) =>
    /^(?:\/api\/v2)?\/?$/.test(address.pathname) ? address.origin : undefined,
  ),
  iamUrl: url("an `https://` URL without query or credentials", (address) =>
    address.href.replace(/\/+$/, ""),
  ),
  collectorUrl: url(
    "an `http://` or `https://` URL without query or credentials",
    (address) => address.href,
  ),
  fraction: {
    schema: z.number().min(0).max(1),
    expected: "a number from 0 to 1",
    fromText: (value) => (/^\d{0,15}\.?\d{1,15}$/.test(value) ? Number(value) : value),
  } satisfies ValueKind<number>,
  attributes: {
    schema: z.preprocess(
      (value) => (typeof value === "string" ? parsePairs(value, attributeForm) : value),
      z.record(z.string().regex(attributeForm.name), z.string().regex(attributeForm.value)),
    ),
    expected: "`name=value` pairs, separated by commas",
    fromText: asIs,
  } satisfies ValueKind<Readonly<Record<string, string>>>,
  /** Often an API key, so only the variable can contain it. */
  headers: {
    schema: z
      .instanceof(Secret)
      .refine((secret) => parsePairs(secret.reveal(), headerForm) !== undefined),
    expected: "`name=value` pairs, separated by commas, in the variable, never in the YAML file",
    fromText: (value) => new Secret(value),
  } satisfies ValueKind<Secret>,
  originUrl: url("an `http://` or `https://` URL of host and port", (address) =>
    address.pathname === "/" ? address.origin : undefined,
  ),
  /** Without credentials: a password in the URL would be in the file and in lists of processes. */
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
  /** As a variable it may contain a password, so it is a `Secret` until it is parsed. */
  proxyUrl: {
    schema: z.unknown().transform((value, context): ProxyServer => {
      const isVariable = value instanceof Secret;
      const text = isVariable ? value.reveal() : value;
      const server = typeof text === "string" ? parseProxyUrl(text) : undefined;
      if (server !== undefined && (isVariable || server.credentials === undefined)) return server;
      context.addIssue({ code: "custom", message: "not a proxy" });
      return z.NEVER;
    }),
    expected:
      "an `http://` or `https://` URL of host and port (no SOCKS), in the variable also with a percent-encoded user and password",
    fromText: (value) => new Secret(value),
  } satisfies ValueKind<ProxyServer>,
  noProxy: {
    schema: z.preprocess(
      (value) => (typeof value === "string" ? splitNoProxy(value) : value),
      z.array(z.string().regex(/^[\x21-\x7e]{1,255}$/)),
    ),
    expected: "hosts, separated by commas",
    fromText: splitNoProxy,
  } satisfies ValueKind<readonly string[]>,
  name: textKind("1 to 128 visible characters", /^[\x21-\x7e]{1,128}$/),
  /** A name for people, which may contain blanks. */
  label: textKind(
    "1 to 256 characters, none of them a control character",
    /^(?!\s)[^\p{Cc}]{1,256}(?<!\s)$/u,
  ),
  crn: textKind("a CRN (`crn:v1:…`)", /^crn:v1:[\x21-\x7e]{1,512}$/),
  /** Without a colon, which ends the name in Basic authentication (RFC 7617). */
  clientId: textKind("1 to 128 visible characters, without `:`", /^[\x21-\x39\x3b-\x7e]{1,128}$/),
  keyPrefix: textKind("1 to 64 letters, digits and any of `:._-`", /^[A-Za-z0-9:._-]{1,64}$/),
  uuid,
  uuids: listOf(uuid, "a list of at most 100 UUIDs", { minimum: 0, maximum: 100 }),
  additionalData: listOf(
    textKind("", /^[^\p{Cc}\p{Cs}]{1,255}$/u),
    "a list of at most 126 texts of 1 to 255 characters, none of them a control character",
    { minimum: 0, maximum: 126 },
  ),
  alias: textKind(
    "1 to 63 lower-case letters, digits and hyphens, the first a letter or digit",
    /^[a-z0-9][a-z0-9-]{0,62}$/,
  ),
  path: parsed("the path of a file", (value) =>
    value !== "" && !value.includes("\0") ? value : undefined,
  ),
  hostNames: listOf(textKind("", hostName), "one or more host names, without a port"),
  trustDomains: listOf(
    textKind("", /^(?=.{1,255}$)[a-z0-9._-]+$/),
    "one or more SPIFFE trust domains, without `spiffe://`",
  ),
  callers: listOf(
    textKind(
      "",
      /^(?:spiffe:\/\/[a-z0-9._-]+(?:\/[A-Za-z0-9._-]+)*\/(?:[A-Za-z0-9._-]+|\*)|[a-z][a-z0-9-]{0,62}|\*)$/,
    ),
    "one or more of a SPIFFE ID (a trailing `/*` matches any rest), `unix`, `anonymous`, the `caller` of an endpoint, `*`",
  ),
  methods: listOf(
    textKind("", /^(?:\*|[A-Za-z][A-Za-z0-9]*\/(?:\*|[A-Za-z][A-Za-z0-9]*))$/),
    "one or more of `Service/Method`, `Service/*`, `*`",
  ),
  aliases: listOf(
    textKind("", /^(?:\*|[a-z0-9][a-z0-9-]{0,62})$/),
    "one or more aliases of instances, or `*`",
  ),
  ipNetworks: listOf(
    parsed("", (text) => {
      const isValid = parseIpNetwork(text) !== undefined || parseIpAddress(text) !== undefined;
      return isValid ? text : undefined;
    }),
    "one or more IP addresses, or networks such as `203.0.113.0/24`",
  ),
  keyRings: listOf(
    parsed(`\`*\` or ${keyRingIdForm}`, (text) =>
      text === "*" || isKeyRingId(text) ? text : undefined,
    ),
    "one or more IDs of key rings, or `*`",
  ),
  /** Only a variable or a separate file can hold a secret: a text in YAML is never a `Secret`. */
  secret: {
    schema: z.instanceof(Secret),
    expected: "in the variable or, better, in a separate file, never in the YAML file",
    fromText: (value) => new Secret(value),
  } satisfies ValueKind<Secret>,
};
