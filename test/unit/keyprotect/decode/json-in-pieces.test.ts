import * as fc from "fast-check";
import { describe, expect, test } from "vitest";
import { parseObject } from "../../../../src/keyprotect/decode/json.ts";
import { parseObjectInPieces } from "../../../../src/keyprotect/decode/json-in-pieces.ts";
import { KeyProtectError } from "../../../../src/keyprotect/error.ts";

const turnNever = async (): Promise<void> => {};

/** Longer than a group, so that a list with two of them is cut. */
const filler = "x".repeat(70_000);
const long = JSON.stringify({ id: "a", text: filler });

const refuseToTake = (): never => {
  throw new Error("the list must not be taken");
};

/** The result, or the text of the error. */
const outcomeOf = async (parse: () => unknown): Promise<unknown> => {
  try {
    return { value: await parse() };
  } catch (error) {
    if (!(error instanceof KeyProtectError)) throw error;
    return { failure: error.message };
  }
};

/** As `parseObjectInPieces`, with the entries of a long list `resources` taken and put back. */
async function parseWithTaken(body: Buffer): Promise<unknown> {
  const taken = new Map<unknown, unknown[]>();
  const object = await parseObjectInPieces(body, turnNever, {
    name: "resources",
    open: () => {
      const entries: unknown[] = [];
      const taker = { take: async (some: readonly unknown[]) => void entries.push(...some) };
      taken.set(taker, entries);
      return taker;
    },
  });
  return Object.fromEntries(
    Object.entries(object).map(([name, value]) => [name, taken.get(value) ?? value]),
  );
}

async function compare(body: Buffer): Promise<unknown> {
  const expected = await outcomeOf(() => parseObject(body));
  expect(await outcomeOf(() => parseObjectInPieces(body, turnNever))).toEqual(expected);
  expect(await outcomeOf(() => parseWithTaken(body))).toEqual(expected);
  return expected;
}

describe("parseObjectInPieces", () => {
  test("a page of 3,000 keys is parsed as at once, with a turn for each 64 KiB", async () => {
    const resources = Array.from({ length: 3_000 }, (_, at) => ({
      id: `key-${at}`,
      name: `]},{[" \\ ${"é".repeat(40)}`,
      tags: ["a,b", "[", "]"],
      nested: { list: [1, [2, { deep: "}" }]] },
    }));
    const body = Buffer.from(JSON.stringify({ metadata: { total: 3_000 }, resources }, null, 1));
    let turns = 0;
    const turn = async () => void (turns += 1);
    expect(await parseObjectInPieces(body, turn)).toEqual({
      metadata: { total: 3_000 },
      resources,
    });
    expect(turns).toBeGreaterThanOrEqual(Math.floor(body.length / 70_000));
    expect(turns).toBeLessThanOrEqual(Math.ceil(body.length / 65_536));
  });

  test.each([
    ["two commas between groups", `{"resources":[${long},,${long}]}`],
    ["a comma at the end", `{"resources":[${long},${long},]}`],
    ["a comma at the start", `{"resources":[,${long},${long}]}`],
    ["only a comma behind a group", `{"resources":[${long},]}`],
    ["no comma between groups", `{"resources":[${long} ${long}]}`],
    ["a list that a brace closes", `{"resources":[${long},${long}}}`],
    ["an object that a bracket closes", `{"resources":[${long},{"a":1],${long}]}`],
    ["a list without its end", `{"resources":[${long},${long}`],
    ["more behind the object", `{"resources":[${long},${long}]} {}`],
    ["a list in place of a name", `{[${long},${long}]:1}`],
    ["a list behind a value", `{"a":1[${long},${long}]}`],
    ["two lists in one field", `{"a":[${long},${long}][${long},${long}]}`],
    ["a field without a name", `{:[${long},${long}]}`],
    ["an unescaped line break", `{"resources":[${long},"a\nb",${long}]}`],
    ["an escape that does not exist", `{"resources":[${long},"\\x",${long}]}`],
    ["a list that is the body", `[[${long},${long}]]`],
    [
      "bytes that are no UTF-8",
      Buffer.concat([
        Buffer.from(`{"a":"`),
        Buffer.from([0xff]),
        Buffer.from(`","resources":[${long},${long}]}`),
      ]),
    ],
  ])("a body with %s is refused as by parseObject", async (_, text) => {
    expect(await compare(Buffer.from(text))).toHaveProperty("failure");
  });

  test.each([
    ["blanks everywhere", ` {"resources" : [ ${long} , ${long} ] , "a" : [ ] } `],
    ["blanks inside only", `{"resources"\t:\r\n[ ${long} ,\n${long} ] , "a" : [ ] }`],
    ["a field given twice", `{"resources":[${long},${long}],"resources":[${long},1]}`],
    ["a short list behind the long one", `{"resources":[${long},${long}],"resources":[1]}`],
    ["a long list in metadata", `{"metadata":[${long},${long}],"resources":[${long},2]}`],
    ["a name in escapes", `{"\\u0072esources":[${long},${long}]}`],
    ["a field __proto__", `{"__proto__":[${long},${long}],"constructor":[${long},3]}`],
    ["a long list deeper down", `{"a":{"resources":[${long},${long}]}}`],
    ["values of every kind", `{"resources":[${long},null,true,-1.5e3,"[,]",[],{}],"b":"]"}`],
    ["a quote behind two backslashes", `{"a":"\\\\","resources":[${long},"\\\\\\"",${long}]}`],
    ["no list", `{"a":"${filler}"}`],
  ])("a body with %s is read as by parseObject", async (_, text) => {
    expect(await compare(Buffer.from(text))).toHaveProperty("value");
  });

  test.each([
    ["a text that reads like the end of an entry", `"},{"`],
    ["an inner list of objects", `[{"a":1},{"b":[{"c":1},{"d":2}]}]`],
    ["a brace, a comma and a brace in a text with quotes", `"\\"},{\\""`],
  ])(
    "a group whose end is guessed wrongly because of %s is read as by parseObject",
    async (_, part) => {
      // The part begins where the first guess is made: behind 64 KiB of the first entry.
      const entries = Array.from({ length: 200 }, (_none, at) => `{"at":${at},"b":[${part},2]}`);
      const first = `{"text":"${"x".repeat(65_536)}","inner":[${part},${part}],"z":1}`;
      const list = [first, ...entries, first, ...entries].join(",");
      expect(await compare(Buffer.from(`{"resources":[${list}]}`))).toHaveProperty("value");
    },
  );

  test("a list in another field, or deeper down, is not taken", async () => {
    for (const text of [
      `{"other":[${long},${long}]}`,
      `{"a":{"resources":[${long},${long}]}}`,
      `{"resourcesX":[${long},${long}],"x":"resources"}`,
      `{"resources":1,"x":[${long},${long}]}`,
    ]) {
      const body = Buffer.from(text);
      const object = await parseObjectInPieces(body, turnNever, {
        name: "resources",
        open: refuseToTake,
      });
      expect(object).toEqual(parseObject(body));
    }
  });

  test("a body that differs in one byte gives what parseObject gives", async () => {
    const text = Buffer.from(`{"m":[1],"resources":[${long},{"b":[1,{"c":"\\""}]},${long}],"z":0}`);
    const isFiller = (at: number): boolean => text.subarray(at - 2, at + 3).toString() === "xxxxx";
    const places = [...text.keys()].filter((at) => !isFiller(at));
    await fc.assert(
      fc.asyncProperty(
        fc.constantFrom(...places),
        fc.constantFrom(...Buffer.from(`{}[]",:\\ 1x`)),
        async (at, byte) => {
          const changed = Buffer.from(text);
          changed[at] = byte;
          await compare(changed);
        },
      ),
      { numRuns: 300 },
    );
  });
});
