/** The parts of generated documents. */
import { expect, test } from "vitest";
import { upstreamRequests } from "../../../scripts/docs/api-table.ts";
import { table, wrapped } from "../../../scripts/docs/markdown.ts";

test("a paragraph is broken at 100 columns, between words and not inside of code", () => {
  const paragraph = `${"word ".repeat(18)}of \`code with blanks in it\` and more`;
  expect(wrapped(paragraph)).toBe(`${"word ".repeat(18)}of\n\`code with blanks in it\` and more`);
});

test("no line of a broken paragraph begins a list, a heading or a quotation", () => {
  for (const piece of ["-", "+", "*", "#", ">", "1.", "2)"]) {
    const lines = wrapped(`${"word ".repeat(20)}${piece} end`).split("\n");
    expect(lines.filter((line) => line.startsWith(piece))).toEqual([]);
  }
});

test("a bar in a cell of a table does not end the cell", () => {
  expect(table(["Head"], [["one | two"], ["`a|b<c`"]])).toBe(
    "| Head |\n| --- |\n| one \\| two |\n| <code>a&#124;b&lt;c</code> |\n",
  );
});

test.each([
  ["`GET /api/v2/keys` in both dialects.", "`GET /keys`", "the same"],
  [
    "`POST /api/v2/keys` in both dialects, or `POST /api/v2/other` in the current one.",
    "`POST /keys`",
    "the same",
  ],
  [
    "`GET /api/v2/rings?limit={n}` in the current dialect, twice. The 2019 dialect does not have it.",
    "`GET /rings`",
    "none",
  ],
  [
    "`POST /api/v2/a` without a text in the current dialect, `POST /api/v2/a?action=b` in the 2019 dialect.",
    "`POST /a` without a text",
    "`POST /a?action=b`",
  ],
  [
    "`GET /api/v2/a` in the current dialect. The 2019 dialect has `GET /api/v2/b` only.",
    "`GET /a`",
    "`GET /b`",
  ],
  [
    "`GET /api/v2/a` in the 2019 dialect; nothing is sent in the current dialect.",
    "none",
    "`GET /a`",
  ],
])("the upstream requests are read from the comment %j", (comment, current, of2019) => {
  expect(upstreamRequests("Service/Rpc", `Upstream: ${comment}`)).toEqual({ current, of2019 });
});

test("a comment that is silent about a dialect is refused, with the name of the RPC", () => {
  for (const comment of ["", "Upstream: `GET /api/v2/a` in the current dialect."]) {
    expect(() => upstreamRequests("Service/Rpc", comment)).toThrow("the comment of Service/Rpc");
  }
});
