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
  test("the state is JSON with at most three decimals", () => {
    const text = stateText(gateway({}));

    expect(text).toContain('\n  "uptimeSeconds": 12.346,\n');
    expect(JSON.parse(text)).toEqual({
      version: "1.2.3",
      uptimeSeconds: 12.346,
      isDraining: false,
      instances: {},
    });
  });

  test("absent values are left out of the state", () => {
    const text = stateText(gateway({ main: upstreamState() }));

    expect(text).not.toMatch(/null|perSecond|pausedForMs|token|share/);
  });

  test("an instance whose alias means something to JavaScript stays in the state", () => {
    const instances = Object.fromEntries([["__proto__", upstreamState()]]);

    expect(stateText(gateway(instances))).toContain('"__proto__": {');
  });
});

describe("the state of a token", () => {
  test("the state of a token has phase, age and failure, and neither token nor generation", () => {
    const state = tokenStateOf({
      authType: "container",
      phase: "due",
      generation: 7,
      ageMs: 2_700_000,
      failure: "TIMEOUT",
      credentialUsedAt: Date.UTC(2026, 0, 2, 3, 4, 5),
    });

    expect(state).toEqual({
      authType: "container",
      phase: "due",
      ageSeconds: 2_700,
      failure: "TIMEOUT",
      lastExchange: "2026-01-02T03:04:05.000Z",
    });
  });

  test("the state of a missing token has no age", () => {
    expect(
      tokenStateOf({
        authType: "iam",
        phase: "none",
        generation: 0,
        ageMs: undefined,
        failure: undefined,
        credentialUsedAt: undefined,
      }),
    ).toEqual({ authType: "iam", phase: "none", ageSeconds: undefined, failure: undefined });
  });
});
