import { describe, expect, test } from "vitest";
import { parseTraceContext, writeTraceParent } from "../../../src/tracing/trace-context.ts";

const traceId = "0af7651916cd43dd8448eb211c80319c";
const spanId = "b7ad6b7169203331";
const parent = `00-${traceId}-${spanId}-01`;

const parse = (value: string, ...states: string[]) => parseTraceContext([value], states);

describe("traceparent", () => {
  test.each([
    [parent, true],
    [`00-${traceId}-${spanId}-00`, false],
    // Further flags have no meaning in version 00.
    [`00-${traceId}-${spanId}-ff`, true],
    [`00-${traceId}-${spanId}-02`, false],
    // A later version may add to its end.
    [`cc-${traceId}-${spanId}-01`, true],
    [`cc-${traceId}-${spanId}-01-what-comes-later`, true],
  ])("%s is understood", (value, isSampled) => {
    expect(parse(value)).toEqual({ traceId, spanId, isSampled, state: undefined });
  });

  test.each([
    "",
    "00",
    `ff-${traceId}-${spanId}-01`,
    `00-${traceId}-${spanId}-01-more`,
    `00-${traceId}-${spanId}-01-`,
    `cc-${traceId}-${spanId}-01.more`,
    `00-${"0".repeat(32)}-${spanId}-01`,
    `00-${traceId}-${"0".repeat(16)}-01`,
    `00-${traceId.toUpperCase()}-${spanId}-01`,
    `00-${traceId.slice(1)}-${spanId}-01`,
    `00-${traceId}-${spanId}0-01`,
    `00-${traceId}-${spanId}-1`,
    ` ${parent}`,
    `${parent}\n`,
    `${parent},${parent}`,
  ])("the traceparent %j is not accepted", (value) => {
    expect(parse(value)).toBeUndefined();
  });

  test("of two values of traceparent, also equal ones, neither is accepted", () => {
    expect(parseTraceContext([parent, parent], [])).toBeUndefined();
  });

  test("a binary value of traceparent is not accepted", () => {
    expect(parseTraceContext([Buffer.from(parent)], [])).toBeUndefined();
  });

  test("a written traceparent has version 00 and only the flag of sampling", () => {
    expect(writeTraceParent({ traceId, spanId, isSampled: true })).toBe(parent);
    expect(writeTraceParent({ traceId, spanId, isSampled: false })).toBe(
      `00-${traceId}-${spanId}-00`,
    );
  });
});

describe("tracestate", () => {
  test.each([
    [["congo=t61rcWkgMzE"], "congo=t61rcWkgMzE"],
    [["a=1,b=2"], "a=1,b=2"],
    [["a=1 , b=2,,"], "a=1,b=2"],
    // It may come in several headers.
    [["a=1", "b=2"], "a=1,b=2"],
    [["fw529a3039@dt=FfFfFf; d"], "fw529a3039@dt=FfFfFf; d"],
    [["a=1".padEnd(258, "x")], "a=1".padEnd(258, "x")],
  ])("the values %j are passed on", (values, state) => {
    expect(parse(parent, ...values)?.state).toBe(state);
  });

  test.each([
    ["nothing", ["", ","]],
    ["an entry without a value", ["a=1,b"]],
    ["an empty value", ["a="]],
    ["a capital in a key", ["A=1"]],
    ["a key twice", ["a=1,a=2"]],
    ["two `=`", ["a=1=2"]],
    ["a control character", ["a=\u0001"]],
    ["a character beyond ASCII", ["a=ü"]],
    ["33 entries", [Array.from({ length: 33 }, (_, at) => `k${at}=1`).join(",")]],
    [
      "more than 512 characters",
      [`${"a=1".padEnd(250, "x")},${"b=1".padEnd(250, "x")},c=1234567890123`],
    ],
  ])("a tracestate with %s is dropped, and the trace goes on", (_name, states) => {
    expect(parse(parent, ...states)).toMatchObject({ traceId, state: undefined });
  });
});
