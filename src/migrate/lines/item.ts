/** One line of the input: a wrapped data key, and where it is to go. */
import {
  printJsonMembers,
  readJsonMembers,
  withJsonMembers,
  type JsonMember,
} from "./json-members.ts";

/** A root key of an instance. */
export interface KeyPlace {
  /** Alias of the instance in the gateway's configuration. */
  readonly instance: string;
  /** ID, alias or CRN of the key. */
  readonly key: string;
}

/** A key's place of which parts may be missing. */
export type PartOfPlace = { readonly [Part in keyof KeyPlace]: string | undefined };

/** The places for lines that name none. */
export interface DefaultPlaces {
  readonly source: PartOfPlace;
  readonly target: PartOfPlace;
}

/** A checked line. */
export interface MigrationItem {
  /** Number of the line, from 1. */
  readonly line: number;
  readonly members: readonly JsonMember[];
  readonly ciphertext: Buffer;
  readonly additionalData: readonly string[];
  readonly source: KeyPlace;
  readonly target: KeyPlace;
}

/** Everything that is wrong with a line. */
export interface LineProblems {
  readonly problems: readonly string[];
}

/** Why an item was not migrated. */
export interface ItemFailure {
  /** The step that failed: `unwrap`, `wrap` or `verify`. */
  readonly step: string;
  /** Name of the status, such as `INVALID_ARGUMENT`. */
  readonly status: string;
  /** The gateway's reason; empty if there is none. */
  readonly reason: string;
  readonly message: string;
  readonly correlationId: string;
}

/** Key Protect's limits. */
const maxCiphertextBytes = 16_384;
const maxStrings = 126;
const maxStringLength = 255;

const isText = (value: unknown): value is string => typeof value === "string" && value !== "";

/** Strict base64 of a ciphertext. */
function toCiphertext(value: unknown): Buffer | undefined {
  if (!isText(value)) return undefined;
  const bytes = Buffer.from(value, "base64");
  const isExact = bytes.toString("base64") === value;
  return isExact && bytes.length <= maxCiphertextBytes ? bytes : undefined;
}

function toStrings(value: unknown): readonly string[] | undefined {
  if (value === undefined) return [];
  if (!Array.isArray(value) || value.length > maxStrings) return undefined;
  const strings = value.filter((each) => typeof each === "string");
  const areAllShort = strings.every(({ length }) => length <= maxStringLength);
  return strings.length === value.length && areAllShort ? strings : undefined;
}

/** Checks a line. Returns the item, or all that is wrong with the line. */
export function parseItem(
  line: number,
  text: string,
  defaults: DefaultPlaces,
): MigrationItem | LineProblems {
  const members = readJsonMembers(text);
  if (members === undefined) return { problems: ["it is not a JSON object"] };
  const values = new Map(members.map(({ name, raw }) => [name, JSON.parse(raw) as unknown]));
  const problems: string[] = [];
  if (values.size < members.length) problems.push("a member occurs twice");
  const checked = <T>(name: string, value: T | undefined, form: string): T | undefined => {
    if (value === undefined) problems.push(`${name}: ${form}`);
    return value;
  };
  const place = (name: string, fallback: string | undefined, option: string): string => {
    const value = values.get(name) ?? fallback;
    if (isText(value)) return value;
    const form = value === undefined ? `needed, because there is no ${option}` : "a text";
    problems.push(`${name}: ${form}`);
    return "";
  };
  const id = values.get("id");
  checked("id", isText(id) ? id : undefined, "needed, a text");
  const ciphertext = checked(
    "ciphertext",
    toCiphertext(values.get("ciphertext")),
    `needed, standard base64 with padding of 1 to ${maxCiphertextBytes} bytes`,
  );
  const additionalData = checked(
    "additionalAuthenticatedData",
    toStrings(values.get("additionalAuthenticatedData")),
    `a list of at most ${maxStrings} texts of at most ${maxStringLength} characters`,
  );
  const { source, target } = defaults;
  const from = {
    instance: place("instance", source.instance, "--source-instance"),
    key: place("key", source.key, "--source-key"),
  };
  const to = {
    instance: place("targetInstance", target.instance, "--target-instance"),
    key: place("targetKey", target.key, "--target-key"),
  };
  return ciphertext === undefined || additionalData === undefined || problems.length > 0
    ? { problems }
    : { line, members, ciphertext, additionalData, source: from, target: to };
}

/**
 * The line of the output. `instance`, `key` and `keyVersion` say what wrapped the new ciphertext,
 * so that an output can be the input of another migration.
 */
export function printMigrated(
  { members, target }: MigrationItem,
  { ciphertext, keyVersion }: { readonly ciphertext: Buffer; readonly keyVersion: string },
): string {
  const values = {
    ciphertext: ciphertext.toString("base64"),
    instance: target.instance,
    key: target.key,
    keyVersion: keyVersion === "" ? null : keyVersion,
    targetInstance: undefined,
    targetKey: undefined,
    failure: undefined,
  };
  return `${printJsonMembers(withJsonMembers(members, values))}\n`;
}

/** The line of the file of failures: the input, with the failure as one more member. */
export function printFailed({ members, line }: MigrationItem, failure: ItemFailure): string {
  return `${printJsonMembers(withJsonMembers(members, { failure: { line, ...failure } }))}\n`;
}
