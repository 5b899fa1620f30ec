/**
 * Parses a large body in pieces. `JSON.parse` takes 4 ms for a page of 1,000 keys and cannot be
 * interrupted. Here the entries of a long list are parsed in groups.
 *
 * The result is the same as that of `parseObject`, for every body. A scan finds the lists that are
 * fields of the object, and cuts long ones at commas between entries. The groups, and the rest of
 * the text with a string in place of each cut list, all have to be JSON. If they are, so is the
 * whole, because a list may stand wherever a string is the value of a field.
 *
 * To scan a group takes longer than to parse it. So the end of a group is guessed first: a brace, a
 * comma and a brace most often end an entry. If the text up to there is a list, the comma ends an
 * entry indeed, since JSON can be read in one way only, and the scan goes on behind it.
 */
import { randomUUID } from "node:crypto";
import { isUtf8 } from "node:buffer";
import { badResponseError } from "../error.ts";
import { isObject, parseObject, type JsonObject } from "./json.ts";

/** A body of at most this many bytes is parsed at once, and a group has about as many. */
const groupBytes = 65_536;

/** How far behind these bytes the end of an entry is looked for. Longer entries are scanned. */
const guessBytes = groupBytes / 4;

const quote = 0x22;
const backslash = 0x5c;
const colon = 0x3a;
const comma = 0x2c;
const openList = 0x5b;
const closeList = 0x5d;
const openObject = 0x7b;
const closeObject = 0x7d;
const isBlank = (byte: number): boolean =>
  byte === 0x20 || byte === 0x0a || byte === 0x0d || byte === 0x09;

/** Takes the entries of a long list group by group, so that their JSON does not stay in memory. */
export interface EntryTaker {
  take(entries: readonly unknown[]): Promise<void>;
}

/** A list of the body whose entries are taken, if it is long. */
export interface TakenList {
  /** The name of its field. */
  readonly name: string;
  /** Called when such a list begins. The result becomes the value of the field. */
  open(): EntryTaker;
}

/** A list that was cut, with the place of its brackets. */
interface CutList {
  readonly start: number;
  readonly end: number;
  readonly value: EntryTaker | readonly unknown[];
}

/** A list whose end has not been reached. */
interface OpenList {
  readonly start: number;
  /** Where the next group starts. */
  groupStart: number;
  readonly entries: unknown[];
  /** The taker of the entries; `undefined` if the list keeps them. */
  readonly taker: EntryTaker | undefined;
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    throw badResponseError("not JSON");
  }
}

/** Parses a group of a list, which ends at `end`. */
function parseGroup(body: Buffer, { groupStart }: OpenList, end: number): readonly unknown[] {
  const entries = parse(`[${body.toString("utf8", groupStart, end)}]`);
  // An empty group means two commas in a row, or one at the end.
  if (!Array.isArray(entries) || entries.length === 0) throw badResponseError("not JSON");
  return entries;
}

/** Adds the entries of a group, which ends at `end`. */
async function addGroup(list: OpenList, entries: readonly unknown[], end: number): Promise<void> {
  list.groupStart = end + 1;
  if (list.taker !== undefined) return list.taker.take(entries);
  for (const entry of entries) list.entries.push(entry);
}

/** Adds the group that ends at a guessed place. Returns false, and adds none, if it is wrong. */
async function addGuessedGroup(body: Buffer, list: OpenList): Promise<boolean> {
  const from = list.groupStart + groupBytes;
  const brace = body.subarray(from, from + guessBytes).indexOf("},{");
  if (brace === -1) return false;
  const end = from + brace + 1;
  let entries: readonly unknown[];
  try {
    entries = parseGroup(body, list, end);
  } catch {
    return false;
  }
  await addGroup(list, entries, end);
  return true;
}

/**
 * Adds groups as long as their ends are guessed rightly, with a turn after each. Returns the place
 * of the bracket or comma behind which the rest of the list starts.
 */
async function addGuessedGroups(
  body: Buffer,
  list: OpenList,
  turn: () => Promise<void>,
): Promise<number> {
  // oxlint-disable-next-line no-await-in-loop -- other calls run between two pieces
  while (await addGuessedGroup(body, list)) await turn();
  return list.groupStart - 1;
}

/**
 * Adds the group that ends at `end`, and further ones as `addGuessedGroups` does, with a turn
 * before. Returns the place where the scan goes on.
 */
async function addGroups(
  body: Buffer,
  list: OpenList,
  end: number,
  turn: () => Promise<void>,
): Promise<number> {
  await addGroup(list, parseGroup(body, list, end), end);
  await turn();
  return addGuessedGroups(body, list, turn);
}

/**
 * Parses a body that has to be a JSON object, with a turn before each piece. A long list in the
 * field that `taken` names is replaced by what took its entries.
 */
export async function parseObjectInPieces(
  body: Buffer,
  turn: () => Promise<void>,
  taken?: TakenList,
): Promise<JsonObject> {
  if (body.length <= groupBytes || body[0] !== openObject) return parseObject(body);
  if (!isUtf8(body)) throw badResponseError("not UTF-8");
  const lists: CutList[] = [];
  const takenName = Buffer.from(JSON.stringify(taken?.name ?? ""));
  let depth = 0;
  let isInString = false;
  /** The last byte outside of strings that is no blank. */
  let before = 0;
  /** Where the last text of the object itself starts, which is the name of the next list. */
  let nameStart = 0;
  let list: OpenList | undefined;

  await turn();
  for (let at = 0; at < body.length; at += 1) {
    const byte = body[at] ?? 0;
    if (isInString) {
      if (byte === backslash) at += 1;
      else if (byte === quote) isInString = false;
      continue;
    }
    if (isBlank(byte)) continue;
    if (byte === quote) {
      isInString = true;
      if (depth === 1) nameStart = at;
    } else if (byte === openList || byte === openObject) {
      depth += 1;
      if (depth === 2 && byte === openList && before === colon) {
        const name = body.subarray(nameStart, nameStart + takenName.length);
        const taker = taken !== undefined && takenName.equals(name) ? taken.open() : undefined;
        list = { start: at, groupStart: at + 1, entries: [], taker };
        // oxlint-disable-next-line no-await-in-loop -- other calls run between two pieces
        at = await addGuessedGroups(body, list, turn);
      }
    } else if (byte === closeList || byte === closeObject) {
      depth -= 1;
      if (depth === 1 && list !== undefined) {
        // A list that was never cut stays in the rest of the text.
        if (list.groupStart > list.start + 1) {
          if (byte !== closeList) throw badResponseError("not JSON");
          // oxlint-disable-next-line no-await-in-loop -- other calls run between two pieces
          await addGroup(list, parseGroup(body, list, at), at);
          lists.push({ start: list.start, end: at + 1, value: list.taker ?? list.entries });
        }
        list = undefined;
      }
    } else if (byte === comma && depth === 2 && list !== undefined) {
      if (at - list.groupStart >= groupBytes) {
        // oxlint-disable-next-line no-await-in-loop -- other calls run between two pieces
        at = await addGroups(body, list, at, turn);
      }
    }
    before = body[at] ?? 0;
  }
  return withLists(body, lists);
}

/** Parses the text around the lists, and puts them into their places. */
function withLists(body: Buffer, lists: readonly CutList[]): JsonObject {
  const mark = randomUUID();
  let text = "";
  let end = 0;
  for (const [index, list] of lists.entries()) {
    text += `${body.toString("utf8", end, list.start)}"${mark}${index}"`;
    ({ end } = list);
  }
  const object = parse(text + body.toString("utf8", end));
  if (!isObject(object)) throw badResponseError("the body is not an object");
  return Object.fromEntries(
    Object.entries(object).map(([name, value]) => {
      const isMark = typeof value === "string" && value.startsWith(mark);
      return [name, isMark ? lists[Number(value.slice(mark.length))]?.value : value];
    }),
  );
}
