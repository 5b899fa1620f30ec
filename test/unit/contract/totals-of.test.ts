import { expect, test } from "vitest";
import { totalsOf } from "../../../scripts/totals-of.ts";

const report = (success: boolean, statuses: readonly string[], fileStatus = "passed"): string =>
  JSON.stringify({
    success,
    testResults: [
      {
        name: "some.test.ts",
        status: fileStatus,
        assertionResults: statuses.map((status) => ({ fullName: "states a fact", status })),
      },
    ],
  });

test("a run whose tests all passed has passed", () => {
  const lines = ["tests: 2 passed, 0 failed"];
  expect(totalsOf(report(true, ["passed", "passed"]))).toEqual({ isPassed: true, lines });
});

test.each(["failed", "skipped", "pending", "todo"])("a run with a %s test has failed", (status) => {
  expect(totalsOf(report(true, ["passed", status]))).toEqual({
    isPassed: false,
    lines: [`${status}: some.test.ts: states a fact`, "tests: 1 passed, 1 failed"],
  });
});

test("a run with a file that could not be loaded has failed", () => {
  expect(totalsOf(report(false, [], "failed"))).toEqual({
    isPassed: false,
    lines: ["failed: some.test.ts", "no test passed", "tests: 0 passed, 1 failed"],
  });
});

test("a run that failed outside its tests has not passed", () => {
  expect(totalsOf(report(false, ["passed"]))).toEqual({
    isPassed: false,
    lines: ["the run failed outside of its tests", "tests: 1 passed, 0 failed"],
  });
});

test("a run without tests has not passed", () => {
  expect(totalsOf(JSON.stringify({ success: true, testResults: [] }))).toEqual({
    isPassed: false,
    lines: ["no test passed", "tests: 0 passed, 0 failed"],
  });
});

test.each([
  ["no report", ""],
  ["half a report", '{"success":true,'],
  ["another text than a report", '"passed"'],
])("a run of which there is %s has not passed", (_what, text) => {
  expect(totalsOf(text)).toEqual({
    isPassed: false,
    lines: ["there is no readable test report", "tests: 0 passed, 0 failed"],
  });
});

test("the totals of two runs are summed", () => {
  expect(totalsOf(report(true, ["passed"]), report(false, ["passed", "failed"]))).toEqual({
    isPassed: false,
    lines: ["failed: some.test.ts: states a fact", "tests: 2 passed, 1 failed"],
  });
});

test("a run whose second report is missing has not passed", () => {
  expect(totalsOf(report(true, ["passed"]), "")).toEqual({
    isPassed: false,
    lines: ["there is no readable test report", "tests: 1 passed, 0 failed"],
  });
});
