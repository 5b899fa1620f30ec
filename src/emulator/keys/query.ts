/**
 * Finds the keys that a request names: one by its path, or many by state, kind, ring and search.
 */
import { pagination } from "../api/route.ts";
import type { Call } from "../api/route.ts";
import { filterKeys } from "./filter.ts";
import type { KeyRecord } from "./record.ts";
import { keyState, stateOf } from "./state.ts";
import { invalidQuery, rejection } from "../api/vendor-error.ts";

/** The service does not search more keys than this. */
const mostSearched = 5_000;

interface Selection {
  readonly page: readonly KeyRecord[];
  /** Number of keys that match, on all pages. */
  readonly total: number;
  /** Fields of the collection's metadata besides `collectionType` and `collectionTotal`. */
  readonly metadata: Readonly<Record<string, unknown>>;
}

/** Finds the key that the path names, in the ring that the `x-kms-key-ring` header names. */
export function keyOf(call: Call): KeyRecord {
  const ring = call.headers["x-kms-key-ring"];
  const ringId = typeof ring === "string" && ring !== "" ? ring : undefined;
  return call.instance.keys.get(call.params["id"] ?? "", ringId, call.now);
}

/**
 * Selects the keys of a list or a count. Omits deleted keys unless the request asks for a state.
 */
export function selectKeys(call: Call, defaultLimit: number): Selection {
  const { query, now } = call;
  const pageOf = pagination(query, defaultLimit);
  const states = statesOf(query.get("state"));
  const extractable = booleanQuery(query, "extractable");
  const ring = call.headers["x-kms-key-ring"];
  const filter = query.get("filter") ?? "";

  let keys = call.instance.keys.all(now);
  if (typeof ring === "string" && ring !== "") keys = keys.filter((key) => key.ringId === ring);
  if (extractable !== undefined) keys = keys.filter((key) => key.extractable === extractable);
  const filtered = filterKeys(keys, filter, query, now);
  const isStateAskedFor = states !== undefined || filtered.filtersState;
  keys = filtered.keys.filter((key) => {
    const state: number = stateOf(key, now);
    if (states !== undefined) return states.includes(state);
    return isStateAskedFor || state !== keyState.destroyed;
  });
  const search = searchOf(query.get("search"));
  if (search !== undefined) {
    if (keys.length > mostSearched) throw rejection("KEY_SEARCH_TOO_BROAD");
    keys = keys.filter(search.matches);
  }

  const { items, metadata } = pageOf(sortKeys(keys, query.get("sort"), now));
  return {
    page: items,
    total: keys.length,
    metadata: {
      ...metadata,
      ...(search === undefined ? {} : { searchQuery: search.description }),
    },
  };
}

function statesOf(text: string | null): readonly number[] | undefined {
  if (text === null || text === "") return undefined;
  return text.split(",").map((part) => {
    const trimmed = part.trim();
    if (!/^[0-5]$/.test(trimmed)) throw invalidQuery("state", "a list of integers between 0 and 5");
    return Number(trimmed);
  });
}

function booleanQuery(query: URLSearchParams, name: string): boolean | undefined {
  const text = query.get(name);
  if (text === null || text === "") return undefined;
  if (text !== "true" && text !== "false") throw invalidQuery(name, "true or false");
  return text === "true";
}

function searchOf(
  text: string | null,
): { readonly matches: (key: KeyRecord) => boolean; readonly description: object } | undefined {
  // The Go client appends a comma to its search text.
  let rest = (text ?? "").replace(/,$/, "");
  if (rest === "") return undefined;
  const scopes: string[] = [];
  let isNegated = false;
  let isExact = false;
  for (;;) {
    const [, prefix] = /^(not|escape|exact|alias|name):/.exec(rest) ?? [];
    if (prefix === undefined) break;
    rest = rest.slice(prefix.length + 1);
    if (prefix === "escape") break;
    if (prefix === "not") isNegated = true;
    else if (prefix === "exact") isExact = true;
    else scopes.push(prefix);
  }
  if (scopes.length === 0) scopes.push("name");
  const wanted = rest.toLowerCase();
  const hits = (value: string): boolean =>
    isExact ? value === rest : value.toLowerCase().includes(wanted);
  return {
    matches: (key) => {
      const isHit =
        (scopes.includes("name") && hits(key.name)) ||
        (scopes.includes("alias") && key.aliases.some(hits));
      return isHit !== isNegated;
    },
    description: {
      query: rest,
      scopes,
      ...(isNegated ? { not: true } : {}),
      ...(isExact ? { exact: true } : {}),
    },
  };
}

const sortValues: Readonly<Record<string, (key: KeyRecord, now: number) => string | number>> = {
  id: (key) => key.id,
  state: stateOf,
  extractable: (key) => Number(key.extractable),
  imported: (key) => Number(key.imported),
  creationDate: (key) => key.createdAt,
  lastUpdateDate: (key) => key.updatedAt ?? 0,
  lastRotateDate: (key) => key.rotatedAt ?? 0,
  deletionDate: (key) => key.deletion?.at ?? 0,
  expirationDate: (key) => key.expiresAt ?? 0,
};

function sortKeys(keys: KeyRecord[], text: string | null, now: number): KeyRecord[] {
  const orders = (text === null || text === "" ? [] : text.split(",")).map((part) => {
    const isDescending = part.startsWith("-");
    const value = sortValues[isDescending ? part.slice(1) : part];
    if (value === undefined) throw invalidQuery("sort", "a list of sortable properties");
    return { value, sign: isDescending ? -1 : 1 };
  });
  return keys.toSorted((a, b) => {
    for (const { value, sign } of orders) {
      const [left, right] = [value(a, now), value(b, now)];
      if (left !== right) return left < right ? -sign : sign;
    }
    return a.id < b.id ? -1 : 1;
  });
}
