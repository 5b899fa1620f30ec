import { describe, expect, test } from "vitest";
import { describeInstance } from "../../../../src/console/samples/state-word.ts";
import { upstreamState } from "../../observability/metrics/upstream-state.ts";

const rate = { perSecond: 50, safePerSecond: 50, phase: "hold", pausedForMs: undefined } as const;
const queue = { interactive: 0, management: 0, bulk: 0, callers: 0 };
const closed = { state: "closed", retryInMs: 0 } as const;
const open = { state: "open", retryInMs: 2_100 } as const;
const halfOpen = { state: "halfOpen", retryInMs: 0 } as const;
const token = {
  authType: "iam",
  ageSeconds: undefined,
  failure: undefined,
  lastExchange: undefined,
} as const;

describe("the state of an instance in a word", () => {
  test.each([
    ["serving", {}, "Requests are sent as calls come."],
    ["at quota", { rate, queue: { ...queue, bulk: 3 } }, "3 calls wait for quota."],
    ["at quota", { queue: { ...queue, bulk: 1 } }, "1 call waits for a connection."],
    ["throttled", { rate: { ...rate, pausedForMs: 1_500 } }, "Nothing is sent for 2 s."],
    ["throttled", { rate: { ...rate, phase: "blackout" } }, "only probes are sent."],
    ["circuit open", { circuits: { data: open, management: closed } }, "Next probe in 3 s."],
    ["circuit open", { circuits: { data: open, management: open } }, "data and management calls"],
    ["recovering", { circuits: { data: closed, management: halfOpen } }, "for management calls."],
    ["no token", { token: { ...token, phase: "expired" } }, "no usable IAM token"],
    ["no token", { token: { ...token, phase: "none", failure: "REJECTED" } }, "(REJECTED)"],
    ["serving", { token: { ...token, phase: "due" } }, "Requests are sent"],
  ] as const)("is “%s” for %j", (word, changes, why) => {
    const state = { ...upstreamState(), ...changes };
    const described = describeInstance(state, false, 0);
    expect(described.word).toBe(word);
    expect(described.why).toContain(why);
  });

  test("draining stands above all, and an open circuit above 429s", () => {
    const state = upstreamState({ circuits: { data: open, management: closed } });
    expect(describeInstance(state, true, 5).word).toBe("draining");
    expect(describeInstance(state, false, 5).word).toBe("circuit open");
    expect(describeInstance(upstreamState({ queue: { ...queue, bulk: 9 } }), false, 5)).toEqual({
      word: "throttled",
      why: "Key Protect answered 429 5 times in the last 10 s.",
    });
  });
});
