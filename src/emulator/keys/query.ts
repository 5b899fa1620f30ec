/** Which keys a list or a count is about: state, kind, ring, search, order, page. */
import { integerQuery } from "../http/route.ts";
import type { Call } from "../http/route.ts";
import { filterKeys } from "./filter.ts";
import type { KeyRecord } from "./record.ts";
import { keyState, stateOf } from "./state.ts";
import { invalidQuery } from "../api/vendor-error.ts";

interface Selection {
  readonly page: readonly KeyRecord[];
  /** Keys that match, whatever the page. */
  readonly total: number;
  /** What the collection's metadata says beyond its type and total. */
  readonly metadata: Readonly<Record<string, unknown>>;
}

const maxLimit = 5000;

/** Selects the keys that a request asks for. Deleted keys are left out unless their state is asked for. */
export function selectKeys(call: Call, defaultLimit: number): Selection {
  const { query, now } = call;
  const limit = integerQuery(query, "limit", defaultLimit, 1, maxLimit, invalidQuery);
  const offset = integerQuery(query, "offset", 0, 0, Number.MAX_SAFE_INTEGER, invalidQuery);
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
  if (search !== undefined) keys = keys.filter(search.matches);

  const isTotalWanted = query.get("totalCount") === "true";
  return {
    page: sortKeys(keys, query.get("sort"), now).slice(offset, offset + limit),
    total: keys.length,
    metadata: {
      ...(isTotalWanted ? { totalCount: keys.length } : {}),
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
  // The Go client appends a comma to what it searches for.
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
