import { describe, expect, test } from "vitest";
import { ErrorReason } from "../../src/gen/keyprotect/v1/error_reason.ts";
import { contractComments } from "./contract-comments.ts";
import { readText, statusesIn, tableRows } from "./documents.ts";

const rows = tableRows(readText("docs/errors.md"), "Reason");
const reasons = Object.keys(ErrorReason).filter((name) => name !== "UNSPECIFIED");

test("there is one row for every reason, in the order of the contract", () => {
  expect(rows.map(([reason]) => reason?.replaceAll("`", ""))).toEqual(reasons);
  for (const row of rows) expect(row).toHaveLength(6);
});

describe.each(rows)(
  "%s",
  (reason, statuses = "", _meaning, _action, repeat = "", executed = "") => {
    const comment = contractComments.reasons.get(reason?.replaceAll("`", "") ?? "") ?? "";

    test("has the statuses that the contract names", () => {
      expect(comment).not.toBe("");
      // The first sentence that names a status says which it is; later ones speak about others.
      const named = statusesIn(comment);
      expect(statusesIn(statuses).toSorted()).toEqual(named.toSorted());
    });

    test("promises a delay exactly where the contract does", () => {
      expect(/RetryInfo|at once/.test(repeat)).toBe(/`RetryInfo`/.test(comment));
    });

    test("says whether the change may have happened", () => {
      expect(executed).toMatch(/^(?:true|false)\b/);
    });
  },
);
