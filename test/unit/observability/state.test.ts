import { describe, expect, test } from "vitest";
import { stateText, tokenStateOf } from "../../../src/observability/state.ts";
import type { GatewayState } from "../../../src/observability/state.ts";
import { upstreamState } from "./metrics/upstream-state.ts";

const gateway = (instances: GatewayState["instances"]): GatewayState => ({
  version: "1.2.3",
  uptimeSeconds: 12.345_678,
  isDraining: false,
  instances,
});

describe("the text of the state", () => {
  test("is JSON with at most three decimals, for people who look at it", () => {
    const text = stateText(gateway({}));

    expect(text).toContain('\n  "uptimeSeconds": 12.346,\n');
    expect(JSON.parse(text)).toEqual({
      version: "1.2.3",
      uptimeSeconds: 12.346,
      isDraining: false,
      instances: {},
    });
  });

  test("leaves out what is not there", () => {
    const text = stateText(gateway({ main: upstreamState() }));

    expect(text).not.toMatch(/null|perSecond|pausedForMs|token|share/);
  });

  test("keeps an instance whose alias means something to JavaScript", () => {
    const instances = Object.fromEntries([["__proto__", upstreamState()]]);

    expect(stateText(gateway(instances))).toContain('"__proto__": {');
  });
});

describe("the state of a token", () => {
  test("is its phase and age, and why there is no newer one; neither token nor generation", () => {
    const state = tokenStateOf({
      phase: "due",
      generation: 7,
      ageMs: 2_700_000,
      failure: "TIMEOUT",
    });

    expect(state).toEqual({ phase: "due", ageSeconds: 2_700, failure: "TIMEOUT" });
  });

  test("has no age while there is none", () => {
    expect(
      tokenStateOf({ phase: "none", generation: 0, ageMs: undefined, failure: undefined }),
    ).toEqual({ phase: "none", ageSeconds: undefined, failure: undefined });
  });
});
