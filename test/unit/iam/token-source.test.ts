import { afterEach, describe, expect, test } from "vitest";
import { CallEnded } from "../../../src/platform/call-signal.ts";
import type { TokenExchange, Grant } from "../../../src/iam/exchange.ts";
import { TokenExchangeError } from "../../../src/iam/exchange-error.ts";
import type { ManagedTokenSource } from "../../../src/iam/token.ts";
import type { Token } from "../../../src/upstream/bearer-token.ts";
import { createTokenSource } from "../../../src/iam/token-source.ts";
import { Secret } from "../../../src/platform/secret.ts";
import { createDrivenClock } from "../../support/driven-clock.ts";

interface Script {
  readonly source: ManagedTokenSource;
  readonly clock: ReturnType<typeof createDrivenClock>;
  /** Monotonic times at which IAM was asked. */
  readonly asked: number[];
  readonly lines: { level: "info" | "warn" | "error"; facts: unknown }[];
  readonly outcomes: string[];
  /** The behaviour of IAM from now on. */
  iam: TokenExchange;
}

const grant = (lifetimeMs = 3_600_000, text = "token"): Grant => ({
  accessToken: new Secret(text),
  lifetimeMs,
  clockSkewMs: undefined,
});
const fails =
  (
    code: ConstructorParameters<typeof TokenExchangeError>[0],
    retryAfterMs?: number,
  ): TokenExchange =>
  () =>
    Promise.reject(new TokenExchangeError(code, "no", { retryAfterMs }));
const never: TokenExchange = () => new Promise(() => undefined);
const call = (): { signal: AbortSignal } => ({ signal: new AbortController().signal });

let open: ManagedTokenSource | undefined;
afterEach(() => open?.close());

function script(iam: TokenExchange, hasCredentialChanged?: () => Promise<boolean>): Script {
  const clock = createDrivenClock();
  const asked: number[] = [];
  const lines: Script["lines"] = [];
  const outcomes: string[] = [];
  const exchange: TokenExchange = (signal) => {
    asked.push(clock.now());
    return state.iam(signal);
  };
  const note =
    (level: "info" | "warn" | "error") =>
    (facts: unknown): void => {
      lines.push({ level, facts });
    };
  const source = createTokenSource({
    exchange,
    authType: "iam",
    clock,
    random: () => 0.5,
    logger: { info: note("info"), warn: note("warn"), error: note("error") },
    onRefresh: (outcome) => outcomes.push(outcome),
    ...(hasCredentialChanged === undefined ? {} : { hasCredentialChanged }),
  });
  open = source;
  const state: Script = { source, clock, asked, lines, outcomes, iam };
  return state;
}

/** The code of a rejection; fails the test if there is none. */
async function codeOf(pending: Token | Promise<Token>): Promise<unknown> {
  return Promise.resolve(pending).then(
    () => "no failure",
    (error: unknown) => (error instanceof Error && "code" in error ? error.code : error),
  );
}

describe("a usable token", () => {
  test("a usable token is returned immediately and not as a promise", async () => {
    const { source, asked } = script(async () => grant());
    const first = await source.get(call());
    const second = source.get(call());
    expect(second).toBe(first);
    expect(first.authorization.reveal()).toBe("Bearer token");
    expect(asked).toHaveLength(1);
  });

  test("a token is requested by one exchange for all calls that wait", async () => {
    const { source, asked } = script(async () => grant());
    const tokens = await Promise.all(
      Array.from({ length: 10_000 }, () => Promise.resolve(source.get(call()))),
    );
    expect(new Set(tokens).size).toBe(1);
    expect(asked).toHaveLength(1);
  });

  test("an expired token is replaced by one exchange for 10,000 calls", async () => {
    const { source, asked, clock } = script(async () => grant());
    await source.get(call());
    clock.shiftWall(3_600_000);
    const tokens = await Promise.all(
      Array.from({ length: 10_000 }, () => Promise.resolve(source.get(call()))),
    );
    expect(new Set(tokens.map(({ generation }) => generation))).toEqual(new Set([2]));
    expect(asked).toHaveLength(2);
  });

  test("a token is refreshed at 80 % of its lifetime while no call waits", async () => {
    const { source, asked, clock } = script(async () => grant());
    await source.get(call());
    await clock.advance(2_879_999);
    void source.get(call());
    expect(asked).toEqual([0]);
    await clock.advance(1);
    expect(asked).toEqual([0, 2_880_000]);
    expect(source.get(call())).toMatchObject({ generation: 2 });
  });

  test("a token that was not used for ten minutes is not refreshed", async () => {
    const { source, asked, clock } = script(async () => grant());
    await source.get(call());
    await clock.advance(7_200_000);
    expect(asked).toEqual([0]);
    expect(source.state().phase).toBe("expired");
    expect(clock.pending).toBe(0);
  });

  test("a usable token is returned while its refresh is under way", async () => {
    const s = script(async () => grant());
    const first = await s.source.get(call());
    await s.clock.advance(2_000_000);
    void s.source.get(call());
    s.iam = never;
    await s.clock.advance(880_000);
    expect(s.source.state().phase).toBe("due");
    expect(s.source.get(call())).toBe(first);
    expect(s.asked).toHaveLength(2);
  });

  test("while IAM is unavailable a token is returned until a minute before its end, and IAM is asked less and less", async () => {
    const s = script(async () => grant());
    const first = await s.source.get(call());
    s.iam = fails("UNREACHABLE");
    for (let second = 0; second < 3_539; second++) {
      await s.clock.advance(1_000);
      expect(s.source.get(call())).toBe(first);
    }
    // Three attempts per refresh; at the end one refresh every 22.5 s.
    const refreshes = s.asked.filter((at, n) => n === 0 || at - (s.asked[n - 1] ?? 0) > 500);
    const gaps = refreshes.slice(-3).map((at, n, all) => at - (all[n - 1] ?? at));
    expect(gaps.slice(1).every((gap) => gap > 22_500 && gap < 23_500)).toBe(true);
    await s.clock.advance(1_000);
    expect(await codeOf(s.source.get(call()))).toBe("IAM_UNAVAILABLE");
  });

  test.each([
    [60_000, 30_000, 54_000],
    [299_000, 149_500, 269_100],
  ])(
    "a token that lives %d ms is refreshed after %d ms and used for %d ms",
    async (life, refreshed, end) => {
      const s = script(async () => grant(life));
      const first = await s.source.get(call());
      s.iam = never;
      await s.clock.advance(refreshed - 1);
      expect(s.asked).toHaveLength(1);
      await s.clock.advance(1);
      expect(s.asked).toHaveLength(2);
      s.iam = fails("FAILED");
      await s.clock.advance(end - refreshed - 1);
      expect(s.source.get(call())).toBe(first);
      await s.clock.advance(1);
      expect(await codeOf(s.source.get(call()))).toBe("IAM_UNAVAILABLE");
    },
  );

  test("the lifetime of a token counts from before the request was sent", async () => {
    const s = script(never);
    let answer: ((grant: Grant) => void) | undefined;
    s.iam = () => new Promise((resolve) => (answer = resolve));
    const pending = s.source.get(call());
    await s.clock.advance(4_000);
    answer?.(grant());
    await pending;
    expect(s.source.state().ageMs).toBe(4_000);
    s.iam = never;
    await s.clock.advance(2_500_000);
    void s.source.get(call());
    await s.clock.advance(2_880_000 - 2_504_000);
    expect(s.asked).toEqual([0, 2_880_000]);
  });
});

describe("the clocks", () => {
  test("a clock that differs from IAM's or is set back does not change a token's use", async () => {
    const s = script(async () => grant());
    await s.source.get(call());
    s.clock.shiftWall(-3_600_000);
    await s.clock.advance(2_500_000);
    void s.source.get(call());
    expect(s.asked).toHaveLength(1);
    await s.clock.advance(380_000);
    expect(s.asked).toEqual([0, 2_880_000]);
  });

  test("a token whose lifetime passed while the machine slept is not used", async () => {
    const s = script(async () => grant());
    await s.source.get(call());
    s.clock.shiftWall(3_600_000);
    expect(s.source.state().phase).toBe("expired");
    const token = await s.source.get(call());
    expect(token.generation).toBe(2);
    expect(s.source.get(call())).toBe(token);
    expect(s.asked).toHaveLength(2);
  });

  test("a difference of more than 30 s between the clocks is logged", async () => {
    const s = script(async () => ({ ...grant(), clockSkewMs: -31_000 }));
    await s.source.get(call());
    expect(s.lines).toEqual([{ level: "warn", facts: { clockSkewMs: -31_000 } }]);
  });
});

describe("without a token", () => {
  test("an unavailable IAM is asked three times for 200 calls, and then not again during the backoff", async () => {
    const s = script(fails("UNREACHABLE"));
    const codes = Promise.all(Array.from({ length: 200 }, () => codeOf(s.source.get(call()))));
    await s.clock.advance(400);
    expect(new Set(await codes)).toEqual(new Set(["IAM_UNAVAILABLE"]));
    expect(s.asked).toEqual([0, 100, 300]);
    expect(await codeOf(s.source.get(call()))).toBe("IAM_UNAVAILABLE");
    expect(s.asked).toHaveLength(3);
    expect(s.outcomes).toEqual(["unavailable"]);
  });

  test("the error of a call without a token has the remaining backoff", async () => {
    const s = script(fails("FAILED"));
    const failure = Promise.resolve(s.source.get(call())).catch((error: unknown) => error);
    await s.clock.advance(300);
    await expect(failure).resolves.toMatchObject({ code: "IAM_UNAVAILABLE", retryAfterMs: 750 });
    await s.clock.advance(100);
    const later = await Promise.resolve(s.source.get(call())).catch((error: unknown) => error);
    expect(later).toMatchObject({ retryAfterMs: 650 });
  });

  test("the backoff doubles up to 30 s", async () => {
    const s = script(fails("BAD_RESPONSE"));
    s.source.ready(1_000_000).catch(() => undefined);
    await s.clock.advance(120_000);
    const gaps = s.asked.slice(1).map((at, n) => at - (s.asked[n] ?? 0));
    expect(gaps).toEqual([750, 1_500, 3_000, 6_000, 12_000, 22_500, 22_500, 22_500, 22_500]);
  });

  test("if IAM sends Retry-After, there is one attempt, and no other before that time", async () => {
    const s = script(fails("THROTTLED", 20_000));
    expect(await codeOf(s.source.get(call()))).toBe("IAM_UNAVAILABLE");
    await s.clock.advance(19_999);
    expect(await codeOf(s.source.get(call()))).toBe("IAM_UNAVAILABLE");
    expect(s.asked).toEqual([0]);
    s.iam = async () => grant();
    await s.clock.advance(1);
    await s.source.get(call());
    expect(s.asked).toEqual([0, 20_000]);
  });

  test("a token that IAM issues after 4 s serves the next call, although the waiting calls have ended", async () => {
    const s = script(never);
    let answer: ((grant: Grant) => void) | undefined;
    s.iam = () => new Promise((resolve) => (answer = resolve));
    const controllers = Array.from({ length: 500 }, () => new AbortController());
    const codes = Promise.all(controllers.map(({ signal }) => codeOf(s.source.get({ signal }))));
    await s.clock.advance(1_000);
    for (const controller of controllers) controller.abort(new CallEnded("deadline"));
    expect(new Set(await codes)).toEqual(new Set(["DEADLINE"]));
    await s.clock.advance(3_000);
    answer?.(grant());
    await s.clock.advance(0);
    expect(s.source.get(call())).toMatchObject({ generation: 1 });
    expect(s.asked).toHaveLength(1);
  });

  test("a refresh fails after 5 s if IAM never responds", async () => {
    const s = script(never);
    const code = codeOf(s.source.get(call()));
    await s.clock.advance(4_999);
    expect(s.source.state().failure).toBeUndefined();
    await s.clock.advance(1);
    expect(await code).toBe("IAM_UNAVAILABLE");
    expect(s.source.state().failure).toBe("TIMEOUT");
  });

  test.each([
    ["cancelled", "CANCELLED"],
    ["deadline", "DEADLINE"],
    ["shutdown", "SHUTDOWN"],
  ] as const)("a call that ended by %s is rejected with %s", async (end, code) => {
    const s = script(never);
    const controller = new AbortController();
    controller.abort(new CallEnded(end));
    expect(await codeOf(s.source.get({ signal: controller.signal }))).toBe(code);
  });
});

test("a Retry-After of IAM silences IAM for 60 s at most", async () => {
  const s = script(async () => {
    throw new TokenExchangeError("FAILED", "IAM failed", { retryAfterMs: 86_400_000 });
  });
  expect(await codeOf(s.source.get(call()))).toBe("IAM_UNAVAILABLE");
  s.iam = async () => grant();
  await s.clock.advance(60_000);
  await s.source.get(call());
  expect(s.asked).toEqual([0, 60_000]);
});

describe("a refused credential", () => {
  test("a rejected credential is tried once a minute and logged as an error once a minute", async () => {
    const s = script(fails("REJECTED"));
    expect(await codeOf(s.source.get(call()))).toBe("IAM_REJECTED");
    for (let second = 0; second < 180; second++) {
      await s.clock.advance(1_000);
      expect(await codeOf(s.source.get(call()))).toBe("IAM_REJECTED");
    }
    expect(s.asked).toEqual([0, 60_000, 120_000, 180_000]);
    expect(s.lines.filter(({ level }) => level === "error")).toHaveLength(4);
    expect(s.outcomes).toEqual(["rejected", "rejected", "rejected", "rejected"]);
  });

  test("a rejected credential is tried again immediately once it has been replaced", async () => {
    let hasChanged = false;
    let looks = 0;
    const s = script(fails("REJECTED"), async () => {
      looks += 1;
      return hasChanged;
    });
    expect(await codeOf(s.source.get(call()))).toBe("IAM_REJECTED");
    await Promise.all(Array.from({ length: 50 }, () => codeOf(s.source.get(call()))));
    expect(looks).toBe(1);
    hasChanged = true;
    s.iam = async () => grant();
    await s.clock.advance(1_000);
    const tokens = await Promise.all(
      Array.from({ length: 50 }, () => Promise.resolve(s.source.get(call()))),
    );
    expect(new Set(tokens).size).toBe(1);
    expect(s.asked).toEqual([0, 1_000]);
  });

  test("a rejected credential does not count as replaced if the check fails or the gateway closes", async () => {
    let answer: ((hasChanged: boolean) => void) | undefined;
    let isBroken = true;
    const s = script(fails("REJECTED"), () =>
      isBroken
        ? Promise.reject(new Error("no such file system"))
        : new Promise((resolve) => (answer = resolve)),
    );
    expect(await codeOf(s.source.get(call()))).toBe("IAM_REJECTED");
    expect(await codeOf(s.source.get(call()))).toBe("IAM_REJECTED");
    isBroken = false;
    await s.clock.advance(1_000);
    const waiting = codeOf(s.source.get(call()));
    s.source.close();
    answer?.(true);
    expect(await waiting).toBe("SHUTDOWN");
    expect(s.asked).toEqual([0]);
  });

  test("a rejected credential does not invalidate the token that it got before", async () => {
    const s = script(async () => grant());
    const first = await s.source.get(call());
    s.iam = fails("REJECTED");
    await s.clock.advance(2_500_000);
    void s.source.get(call());
    await s.clock.advance(500_000);
    expect(s.source.get(call())).toBe(first);
    expect(s.source.state()).toMatchObject({ phase: "due", failure: "REJECTED" });
  });
});

describe("a token that was answered with 401", () => {
  test("a token answered with 401 is renewed once for 100 calls; other calls go on using it", async () => {
    const s = script(async () => grant());
    const first = await s.source.get(call());
    const renewals = Array.from({ length: 100 }, () =>
      Promise.resolve(s.source.renew(call(), first.generation)),
    );
    expect(s.source.get(call())).toBe(first);
    const tokens = await Promise.all(renewals);
    expect(new Set(tokens.map(({ generation }) => generation))).toEqual(new Set([2]));
    expect(s.asked).toHaveLength(2);
  });

  test("a token answered with 401 is renewed at most once in ten seconds", async () => {
    const s = script(async () => grant());
    const first = await s.source.get(call());
    const second = await s.source.renew(call(), first.generation);
    await s.clock.advance(9_999);
    expect(s.source.renew(call(), second.generation)).toBe(second);
    expect(s.asked).toHaveLength(2);
    await s.clock.advance(1);
    expect(await s.source.renew(call(), second.generation)).toMatchObject({ generation: 3 });
  });

  test("a 401 for an older token does not renew the current one", async () => {
    const s = script(async () => grant());
    const first = await s.source.get(call());
    const second = await s.source.renew(call(), first.generation);
    await s.clock.advance(20_000);
    expect(s.source.renew(call(), first.generation)).toBe(second);
    expect(s.asked).toHaveLength(2);
  });

  test("a token answered with 401 stays in use if IAM is unavailable; only the renewing call fails", async () => {
    const s = script(async () => grant());
    const first = await s.source.get(call());
    s.iam = fails("BAD_RESPONSE");
    expect(await codeOf(s.source.renew(call(), first.generation))).toBe("IAM_UNAVAILABLE");
    expect(s.source.get(call())).toBe(first);
  });

  test("a 401 does not count as a lack of access until IAM has issued a new token", async () => {
    const s = script(async () => grant());
    const first = await s.source.get(call());
    s.iam = fails("BAD_RESPONSE");
    await codeOf(s.source.renew(call(), first.generation));
    expect(await codeOf(s.source.renew(call(), first.generation))).toBe("IAM_UNAVAILABLE");
    expect(s.asked).toHaveLength(2);
    s.iam = async () => grant();
    await s.clock.advance(1_000);
    expect(await s.source.renew(call(), first.generation)).toMatchObject({ generation: 2 });
  });
});

describe("a failure outside IAM", () => {
  test("a TLS failure is the error TLS without a wait", async () => {
    const s = script(fails("TLS"));
    expect(await codeOf(s.source.get(call()))).toBe("TLS");
    expect(s.asked).toHaveLength(1);
  });

  test("the backoff for a missing key file ends as soon as the file is there", async () => {
    const s = script(fails("API_KEY_UNREADABLE"), () => Promise.resolve(true));
    expect(await codeOf(s.source.get(call()))).toBe("IAM_UNAVAILABLE");
    s.iam = async () => grant();
    expect(await s.source.get(call())).toMatchObject({ generation: 1 });
  });
});

const usedAt = (s: Script) => s.source.state().credentialUsedAt;

describe("a replaced credential", () => {
  test("a replaced credential is tried at once, and its first token is logged", async () => {
    const s = script(async () => grant(3_600_000, "old"));
    const old = await s.source.get(call());
    const before = usedAt(s) ?? 0;
    await s.clock.advance(1_000);
    s.iam = async () => grant(3_600_000, "new");
    s.source.credentialReplaced();
    expect(usedAt(s)).toBeUndefined();
    expect(s.source.get(call())).toBe(old);
    await s.clock.advance(1);
    expect((await s.source.get(call())).authorization.reveal()).toBe("Bearer new");
    expect(usedAt(s)).toBeGreaterThan(before);
    expect(s.lines).toEqual([{ level: "info", facts: { authType: "iam" } }]);
    expect(s.asked).toEqual([0, 1_000]);
  });

  test("a refused new credential leaves the token at hand in use until that ends", async () => {
    const s = script(async () => grant());
    const old = await s.source.get(call());
    s.iam = fails("REJECTED");
    s.source.credentialReplaced();
    await s.clock.advance(1);
    expect(s.source.get(call())).toBe(old);
    expect(s.source.state()).toMatchObject({ phase: "fresh", failure: "REJECTED" });
    expect(usedAt(s)).toBeUndefined();
    await s.clock.advance(3_600_000);
    expect(await codeOf(s.source.get(call()))).toBe("IAM_REJECTED");
  });

  test("a replacement ends the backoff of the refused credential before it", async () => {
    const s = script(fails("REJECTED"));
    expect(await codeOf(s.source.get(call()))).toBe("IAM_REJECTED");
    s.iam = async () => grant();
    s.source.credentialReplaced();
    expect(await s.source.get(call())).toMatchObject({ generation: 1 });
    expect(s.asked).toEqual([0, 0]);
  });

  test("a token that was asked for before the replacement does not count for the new credential", async () => {
    let answer: ((value: Grant) => void) | undefined;
    const s = script(
      () =>
        new Promise((resolve) => {
          answer = resolve;
        }),
    );
    const first = s.source.get(call());
    s.source.credentialReplaced();
    answer?.(grant(3_600_000, "old"));
    expect((await first).authorization.reveal()).toBe("Bearer old");
    expect(usedAt(s)).toBeUndefined();
    await s.clock.advance(1);
    expect(s.asked).toHaveLength(2);
    answer?.(grant(3_600_000, "new"));
    await s.clock.advance(1);
    expect((await s.source.get(call())).authorization.reveal()).toBe("Bearer new");
    expect(usedAt(s)).toBeDefined();
  });

  test("a replacement after the end asks nobody", async () => {
    const s = script(async () => grant());
    s.source.close();
    s.source.credentialReplaced();
    await s.clock.advance(1);
    expect(s.asked).toEqual([]);
  });
});

describe("readiness", () => {
  test("readiness waits for the first token through failures", async () => {
    const s = script(fails("FAILED"));
    const isReady = s.source.ready(10_000);
    await s.clock.advance(1_000);
    s.iam = async () => grant();
    await s.clock.advance(2_000);
    expect(await isReady).toBe(true);
    expect(s.source.state().phase).toBe("fresh");
  });

  test("the wait for readiness is bounded, and attempts go on after it", async () => {
    const s = script(never);
    const isReady = s.source.ready(2_000);
    await s.clock.advance(2_000);
    expect(await isReady).toBe(false);
    s.iam = async () => grant();
    await s.clock.advance(1_200_000);
    expect(s.source.state().generation).toBe(1);
  });
});

describe("closing", () => {
  test("closing rejects waiting calls, drops the token and leaves no timer", async () => {
    const s = script(never);
    const waiting = codeOf(s.source.get(call()));
    const isReady = s.source.ready(60_000);
    s.source.close();
    expect(await waiting).toBe("SHUTDOWN");
    expect(await isReady).toBe(false);
    expect(await codeOf(s.source.get(call()))).toBe("SHUTDOWN");
    await s.clock.advance(0);
    expect(s.clock.pending).toBe(0);
  });

  test("a token source never shows its token in anything that can be printed", async () => {
    const s = script(async () => grant(3_600_000, "canary"));
    const token = await s.source.get(call());
    expect(JSON.stringify([token, s.source.state(), s.lines])).not.toContain("canary");
    expect(String(token.authorization)).not.toContain("canary");
  });
});

test("a source without calls asks again after each failure", async () => {
  const { source, asked, clock } = script(fails("BAD_RESPONSE"));
  void source.ready(60_000);
  // 1, 2, 4, 8 and 16 s, each three quarters of that.
  await clock.advance(25_000);
  const seconds = asked.map((ms) => Math.round(ms / 10) / 100);
  expect(seconds).toEqual([0, 0.75, 2.25, 5.25, 11.25, 23.25]);
});
