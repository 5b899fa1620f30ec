import { expect, test } from "vitest";
import { totalsOf, type ReportedRun } from "../../../scripts/totals-of.ts";

const run = (text: string, name = "Node 24"): ReportedRun => ({ name, text });

const report = (
  success: boolean,
  statuses: readonly string[],
  { fileStatus = "passed", name = "Node 24" } = {},
): ReportedRun => {
  const assertionResults = statuses.map((status) => ({ fullName: "states a fact", status }));
  const testResults = [{ name: "some.test.ts", status: fileStatus, assertionResults }];
  return run(JSON.stringify({ success, testResults }), name);
};

test("a run whose tests all passed has passed", () => {
  expect(totalsOf(report(true, ["passed", "passed"]))).toEqual({
    isPassed: true,
    lines: ["Node 24: 2 passed, 0 failed", "tests: 2 passed, 0 failed"],
  });
});

test.each(["failed", "skipped", "pending", "todo"])("a run with a %s test has failed", (status) => {
  expect(totalsOf(report(true, ["passed", status]))).toEqual({
    isPassed: false,
    lines: [
      `${status}: some.test.ts: states a fact (Node 24)`,
      "Node 24: 1 passed, 1 failed",
      "tests: 1 passed, 1 failed",
    ],
  });
});

test("a run with a file that could not be loaded has failed", () => {
  expect(totalsOf(report(false, [], { fileStatus: "failed" }))).toEqual({
    isPassed: false,
    lines: [
      "failed: some.test.ts (Node 24)",
      "no test passed (Node 24)",
      "Node 24: 0 passed, 1 failed",
      "tests: 0 passed, 1 failed",
    ],
  });
});

test("a run that failed outside its tests has not passed", () => {
  expect(totalsOf(report(false, ["passed"]))).toEqual({
    isPassed: false,
    lines: [
      "the run failed outside of its tests (Node 24)",
      "Node 24: 1 passed, 0 failed",
      "tests: 1 passed, 0 failed",
    ],
  });
});

test("a run without tests has not passed", () => {
  expect(totalsOf(run(JSON.stringify({ success: true, testResults: [] })))).toEqual({
    isPassed: false,
    lines: ["no test passed (Node 24)", "Node 24: 0 passed, 0 failed", "tests: 0 passed, 0 failed"],
  });
});

test.each([
  ["no report", ""],
  ["half a report", '{"success":true,'],
  ["another text than a report", '"passed"'],
])("a run of which there is %s has not passed", (_what, text) => {
  expect(totalsOf(run(text))).toEqual({
    isPassed: false,
    lines: [
      "there is no readable test report (Node 24)",
      "Node 24: 0 passed, 0 failed",
      "tests: 0 passed, 0 failed",
    ],
  });
});

test("the totals of two runs are summed, and a failure names its run", () => {
  const second = report(false, ["passed", "failed"], { name: "Node 20" });
  expect(totalsOf(report(true, ["passed"]), second)).toEqual({
    isPassed: false,
    lines: [
      "failed: some.test.ts: states a fact (Node 20)",
      "Node 24: 1 passed, 0 failed",
      "Node 20: 1 passed, 1 failed",
      "tests: 2 passed, 1 failed",
    ],
  });
});

test("a run whose second report is missing has not passed", () => {
  expect(totalsOf(report(true, ["passed"]), run("", "Node 20"))).toEqual({
    isPassed: false,
    lines: [
      "there is no readable test report (Node 20)",
      "Node 24: 1 passed, 0 failed",
      "Node 20: 0 passed, 0 failed",
      "tests: 1 passed, 0 failed",
    ],
  });
});

test("nothing has passed without a run", () => {
  expect(totalsOf()).toEqual({
    isPassed: false,
    lines: ["there is no test run", "tests: 0 passed, 0 failed"],
  });
});
