/** The choice and the order of keys in the requests of ListKeys and CountKeys. */
import { KeyState, KeyType } from "../../gen/keyprotect/v1/key.ts";
import type { FieldViolation } from "../../grpc/status/status-error.ts";
import type { KeyQuery } from "../../keyprotect/resources.ts";
import { check, each, fault, known, optional, text, type Rule } from "../validation/rules.ts";

/** The fields that choose keys. */
export interface KeyChoice {
  readonly states: readonly KeyState[];
  readonly types: readonly KeyType[];
  readonly filter: string;
}

/** Key Protect's name of each property that orders keys. */
const sortable: ReadonlyMap<string, string> = new Map([
  ["id", "id"],
  ["state", "state"],
  ["type", "extractable"],
  ["imported", "imported"],
  ["create_time", "creationDate"],
  ["update_time", "lastUpdateDate"],
  ["last_rotate_time", "lastRotateDate"],
  ["expire_time", "expirationDate"],
  ["delete_time", "deletionDate"],
]);
const maxSortable = 5;

const termsOf = (orderBy: string): readonly string[] => orderBy.split(",");

/** A term of `order_by` as a term of `sort`; `undefined` if it is not one. */
function sortTermOf(term: string): string | undefined {
  const { name = "", order } =
    /^ *(?<name>[a-z_]+)(?: +(?<order>asc|desc))? *$/.exec(term)?.groups ?? {};
  const property = sortable.get(name);
  return property === undefined || order !== "desc" ? property : `-${property}`;
}

/** The order of a list: distinct properties, each perhaps with `asc` or `desc`. Optional. */
export const orderBy: Rule<string> = optional((value) => {
  const terms = termsOf(value);
  if (terms.length > maxSortable) return fault("TOO_MANY", `at most ${maxSortable} properties`);
  const properties = terms.map((term) => sortTermOf(term)?.replace("-", ""));
  if (properties.includes(undefined)) {
    return fault("UNKNOWN_VALUE", `a list of ${[...sortable.keys()].join(", ")}`);
  }
  return new Set(properties).size === properties.length
    ? undefined
    : fault("DUPLICATE", "each property at most once");
});

/** The text to search for. Optional. */
export const search: Rule<string> = optional(text(1, 240));

const filter: Rule<string> = optional(text(1, 1_000));
const states: Rule<readonly number[]> = each(known("KEY_STATE_", KeyState, false), 5);
const types: Rule<readonly number[]> = each(known("KEY_TYPE_", KeyType, false), 2);

/** Adds all violations of the fields that choose keys. */
export function checkKeyChoice(violations: FieldViolation[], choice: KeyChoice): void {
  check(violations, "states", choice.states, states);
  check(violations, "types", choice.types, types);
  check(violations, "filter", choice.filter, filter);
}

const present = (value: string): string | undefined => (value === "" ? undefined : value);

/** The query of a valid request. The contract's number of a state is Key Protect's plus 1. */
export function toKeyQuery(choice: KeyChoice, wanted = "", order = ""): KeyQuery {
  const isStandard = choice.types.includes(KeyType.STANDARD);
  const isRoot = choice.types.includes(KeyType.ROOT);
  return {
    states: [...new Set(choice.states)].map((state) => state - 1).toSorted((a, b) => a - b),
    extractable: isStandard === isRoot ? undefined : isStandard,
    search: present(wanted),
    sort: order === "" ? undefined : termsOf(order).map(sortTermOf).join(","),
    filter: present(choice.filter),
  };
}

/** Texts that differ for different queries, for page tokens. None for the query of all keys. */
export function keyQueryKey(query: KeyQuery): readonly string[] {
  const { states: numbers = [], extractable, search: wanted, sort, filter: condition } = query;
  const parts = [numbers.join(","), extractable, wanted, sort, condition];
  return parts.every((part) => part === undefined || part === "") ? [] : [JSON.stringify(parts)];
}
