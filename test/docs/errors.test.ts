/** The table of docs/errors.md is compared with the contract's comments. */
import { describe, expect, test } from "vitest";
import { ErrorReason } from "../../src/gen/keyprotect/v1/error_reason.ts";
import { contractComments } from "./contract-comments.ts";
import { readText, statusesIn, tableRows } from "./documents.ts";

const rows = tableRows(readText("docs/errors.md"), "Reason");
const reasons = Object.keys(ErrorReason).filter((name) => name !== "UNSPECIFIED");

test("docs/errors.md has one row for every reason, in the order of the contract", () => {
  expect(rows.map(([reason]) => reason?.replaceAll("`", ""))).toEqual(reasons);
  for (const row of rows) expect(row).toHaveLength(6);
});

describe.each(rows)(
  "the row of %s in docs/errors.md",
  (reason = "", statuses = "", _meaning, _action, retry = "", executed = "") => {
    const comment = contractComments.reasons.get(reason.replaceAll("`", "")) ?? "";

    test(`the row of ${reason} has the statuses that the contract names`, () => {
      expect(comment).not.toBe("");
      const named = statusesIn(comment);
      expect(statusesIn(statuses).toSorted()).toEqual(named.toSorted());
    });

    test(`the row of ${reason} promises a delay exactly where the contract does`, () => {
      expect(/RetryInfo|at once/.test(retry)).toBe(/`RetryInfo`/.test(comment));
    });

    test(`the row of ${reason} says whether the change may have been made`, () => {
      expect(executed).toMatch(/^(?:true|false)\b/);
    });
  },
);
