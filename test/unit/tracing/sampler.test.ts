import { SamplingDecision, TraceIdRatioBasedSampler } from "@opentelemetry/sdk-trace-base";
import { ROOT_CONTEXT } from "@opentelemetry/api";
import { expect, test } from "vitest";
import { createSampler, type SamplerName } from "../../../src/tracing/sampler.ts";
import type { TraceContext } from "../../../src/tracing/trace-context.ts";

const from = (isSampled: boolean, traceId = "1".repeat(32)): TraceContext => ({
  traceId,
  spanId: "2".repeat(16),
  isSampled,
  state: undefined,
});

test.each<[SamplerName, root: boolean, sampledParent: boolean, otherParent: boolean]>([
  ["always_on", true, true, true],
  ["always_off", false, false, false],
  ["parentbased_always_on", true, true, false],
  ["parentbased_always_off", false, true, false],
])(
  "%s decides %s without a caller's trace, %s with a recorded, %s with another one",
  (name, ...expected) => {
    const sampler = createSampler(name, 1, () => 0);
    expect([sampler(undefined), sampler(from(true)), sampler(from(false))]).toEqual(expected);
  },
);

test("parentbased_traceidratio decides by the ratio only without a caller's trace", () => {
  let drawn = 0.24;
  const sampler = createSampler("parentbased_traceidratio", 0.25, () => drawn);
  expect(sampler(undefined)).toBe(true);
  drawn = 0.25;
  expect(sampler(undefined)).toBe(false);
  expect(sampler(from(true))).toBe(true);
  expect(sampler(from(false))).toBe(false);
});

test("traceidratio decides for a caller's trace as OpenTelemetry's sampler does, so that all services agree", () => {
  const ids = Array.from({ length: 500 }, (_, at) =>
    [at * 7_919, at * 104_729 + 1, at ^ 0x5bd1e995, at * 15_485_863]
      .map((part) => (part >>> 0).toString(16).padStart(8, "0"))
      .join(""),
  );
  for (const ratio of [0, 0.1, 0.5, 1]) {
    const own = createSampler("traceidratio", ratio, () => 0);
    const library = new TraceIdRatioBasedSampler(ratio);
    for (const id of ids) {
      const { decision } = library.shouldSample(ROOT_CONTEXT, id);
      const wanted = decision === SamplingDecision.RECORD_AND_SAMPLED;
      expect(own(from(false, id)), `${id} ${ratio}`).toBe(wanted);
    }
  }
});
