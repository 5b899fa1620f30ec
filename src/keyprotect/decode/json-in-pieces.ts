/**
 * Parses a large body in pieces. `JSON.parse` takes 4 ms for a page of 1,000 keys and cannot be
 * interrupted. Here the entries of a long list are parsed in groups.
 *
 * The result is the same as that of `parseObject`, for every body. A scan finds the lists that are
 * fields of the object, and cuts long ones at commas between entries. The groups, and the rest of
 * the text with a string in place of each cut list, all have to be JSON. If they are, so is the
 * whole, because a list may stand wherever a string is the value of a field.
 */
import { randomUUID } from "node:crypto";
import { isUtf8 } from "node:buffer";
import { badResponseError } from "../error.ts";
import { isObject, parseObject, type JsonObject } from "./json.ts";

/** A body of at most this many bytes is parsed at once, and a group has about as many. */
const groupBytes = 65_536;

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

/** A list that was cut, with the place of its brackets. */
interface CutList {
  readonly start: number;
  readonly end: number;
  readonly entries: readonly unknown[];
}

/** A list whose end has not been reached. */
interface OpenList {
  readonly start: number;
  readonly entries: unknown[];
  /** Where the next group starts. */
  groupStart: number;
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    throw badResponseError("not JSON");
  }
}

/** Parses a group of a list, which ends at `end`, and adds its entries. */
function takeGroup(body: Buffer, list: OpenList, end: number): void {
  const entries = parse(`[${body.toString("utf8", list.groupStart, end)}]`);
  // An empty group means two commas in a row, or one at the end.
  if (!Array.isArray(entries) || entries.length === 0) throw badResponseError("not JSON");
  for (const entry of entries) list.entries.push(entry);
  list.groupStart = end + 1;
}

/** Parses a body that has to be a JSON object, with a turn before each piece. */
export async function parseObjectInPieces(
  body: Buffer,
  turn: () => Promise<void>,
): Promise<JsonObject> {
  if (body.length <= groupBytes || body[0] !== openObject) return parseObject(body);
  if (!isUtf8(body)) throw badResponseError("not UTF-8");
  const lists: CutList[] = [];
  let depth = 0;
  let isInString = false;
  /** The last byte outside of strings that is no blank. */
  let before = 0;
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
    if (byte === quote) isInString = true;
    else if (byte === openList || byte === openObject) {
      depth += 1;
      if (depth === 2 && byte === openList && before === colon) {
        list = { start: at, groupStart: at + 1, entries: [] };
      }
    } else if (byte === closeList || byte === closeObject) {
      depth -= 1;
      if (depth === 1 && list !== undefined) {
        // A list that was never cut stays in the rest of the text.
        if (list.groupStart > list.start + 1) {
          if (byte !== closeList) throw badResponseError("not JSON");
          takeGroup(body, list, at);
          lists.push({ start: list.start, end: at + 1, entries: list.entries });
        }
        list = undefined;
      }
    } else if (byte === comma && depth === 2 && list !== undefined) {
      if (at - list.groupStart >= groupBytes) {
        takeGroup(body, list, at);
        // oxlint-disable-next-line no-await-in-loop -- other calls run between two pieces
        await turn();
      }
    }
    before = byte;
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
      return [name, isMark ? lists[Number(value.slice(mark.length))]?.entries : value];
    }),
  );
}
