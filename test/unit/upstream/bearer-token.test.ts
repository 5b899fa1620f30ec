import { describe, expect, test } from "vitest";
import { CallEnded } from "../../../src/platform/call-signal.ts";
import { TokenExchangeError } from "../../../src/iam/exchange-error.ts";
import { createTokenSource } from "../../../src/iam/token-source.ts";
import { Secret } from "../../../src/platform/secret.ts";
import { UpstreamError } from "../../../src/upstream/error.ts";
import { createBearer } from "../../../src/upstream/bearer-token.ts";
import { createRetryBudget } from "../../../src/upstream/retry/retry-budget.ts";
import { createRetry } from "../../../src/upstream/retry/retry.ts";
import type {
  IsOwnError,
  Send,
  UpstreamRequest,
  UpstreamResponse,
} from "../../../src/upstream/layer.ts";
import { createDrivenClock } from "../../support/driven-clock.ts";

const answer = (status: number): UpstreamResponse => ({
  status,
  headers: {},
  body: Buffer.alloc(0),
});

function request(facts: { callerToken?: Secret; signal?: AbortSignal } = {}): UpstreamRequest {
  return {
    method: "POST",
    path: "/api/v2/keys",
    headers: { accept: "application/json" },
    body: Buffer.from("body"),
    maxResponseBytes: 1_024,
    call: {
      rpc: { method: "WrapKey", retry: "safe", priority: "interactive", attemptTimeoutMs: 3_000 },
      correlationId: "7b4bb2c5-9b4e-4d0a-8d3e-6f5c1f1f0d11",
      caller: "unix",
      deadline: 10_000,
      signal: facts.signal ?? new AbortController().signal,
      callerToken: facts.callerToken,
      attemptLog: { attempts: 0, httpStatus: undefined },
    },
  };
}

/**
 * A gateway's bearer over an upstream that decides by token; IAM grants `token-1`, `token-2`, ...
 */
function gateway(
  upstream: (authorization: string | undefined, n: number) => number,
  isOwnError: IsOwnError = () => true,
) {
  const clock = createDrivenClock();
  const sent: UpstreamRequest[] = [];
  const iam = { granted: 0, isAway: false };
  const tokens = createTokenSource({
    authType: "iam",
    clock,
    random: () => 0.5,
    logger: { info: () => undefined, warn: () => undefined, error: () => undefined },
    exchange: async () => {
      if (iam.isAway) throw new TokenExchangeError("BAD_RESPONSE", "no");
      iam.granted += 1;
      const accessToken = new Secret(`token-${iam.granted}`);
      return { accessToken, lifetimeMs: 3_600_000, clockSkewMs: undefined };
    },
  });
  const next: Send = async (passed) => {
    sent.push(passed);
    return answer(upstream(passed.headers["authorization"], sent.length));
  };
  const send = createBearer({ kind: "gateway", tokens, isOwnError })(next);
  return { send, sent, iam, clock, tokens };
}

const bearers = (sent: readonly UpstreamRequest[]): (string | undefined)[] =>
  sent.map(({ headers }) => headers["authorization"]);

describe("with the gateway's own token", () => {
  test("the gateway's token is added and the rest of the request stays as it is", async () => {
    const g = gateway(() => 200);
    const original = request();
    await g.send(original);
    expect(g.sent).toEqual([
      { ...original, headers: { accept: "application/json", authorization: "Bearer token-1" } },
    ]);
    expect(original.headers).toEqual({ accept: "application/json" });
  });

  test("the attempt log says whose token was used", async () => {
    const original = request();
    await gateway(() => 200).send(original);
    expect(original.call.attemptLog.credential).toBe("gateway");
  });

  test("a 401 leads to a new token and one more attempt with the same body", async () => {
    const g = gateway((authorization) => (authorization === "Bearer token-1" ? 401 : 200));
    const original = request();
    expect((await g.send(original)).status).toBe(200);
    expect(bearers(g.sent)).toEqual(["Bearer token-1", "Bearer token-2"]);
    expect(g.sent[1]?.body).toBe(original.body);
  });

  test("the attempt with the new token does not go to the head of the queue again", async () => {
    const g = gateway((authorization) => (authorization === "Bearer token-1" ? 401 : 200));
    await g.send({ ...request(), isRequeued: true });
    expect(g.sent.map(({ isRequeued }) => isRequeued)).toEqual([true, false]);
  });

  test("100 calls that are answered with 401 lead to one renewal", async () => {
    const g = gateway((authorization) => (authorization === "Bearer token-1" ? 401 : 200));
    const answers = await Promise.all(Array.from({ length: 100 }, () => g.send(request())));
    expect(new Set(answers.map(({ status }) => status))).toEqual(new Set([200]));
    expect(g.iam.granted).toBe(2);
    expect(g.sent).toHaveLength(200);
  });

  test("a second 401 is returned, and IAM is asked at most once in ten seconds", async () => {
    const g = gateway(() => 401);
    for (let second = 0; second < 30; second++) {
      const before = g.sent.length;
      expect((await g.send(request())).status).toBe(401);
      expect(g.sent.length - before).toBeLessThanOrEqual(2);
      await g.clock.advance(1_000);
    }
    expect(g.iam.granted).toBe(4);
    expect(g.sent).toHaveLength(33);
  });

  test("an unsafe request is sent again only after a 401 that is the upstream's own", async () => {
    const page = Buffer.from("<html>401</html>");
    const own = Buffer.from("own");
    for (const [body, count] of [
      [page, 1],
      [Buffer.alloc(0), 1],
      [own, 2],
    ] as const) {
      const g = gateway(() => 401);
      let sent = 0;
      const isOwnError = (response: UpstreamResponse): boolean => response.body === own;
      const send = createBearer({ kind: "gateway", tokens: g.tokens, isOwnError })(async () => {
        sent += 1;
        return { status: 401, headers: {}, body };
      });
      const asked = request();
      const { rpc } = asked.call;
      await send({ ...asked, call: { ...asked.call, rpc: { ...rpc, retry: "unsafe" } } });
      expect(sent).toBe(count);
      // Either way later calls get a new token.
      expect(g.iam.granted).toBe(2);
    }
  });

  test("a proxy's 401 notes a conditional request as possibly executed, the upstream's own does not", async () => {
    for (const [isOwn, expected] of [
      [false, true],
      [true, undefined],
    ] as const) {
      const g = gateway(() => 200);
      let sent = 0;
      const bearer = createBearer({ kind: "gateway", tokens: g.tokens, isOwnError: () => isOwn });
      const send = bearer(async () => answer((sent += 1) === 1 ? 401 : 404));
      const asked = request();
      const { rpc } = asked.call;
      const call = { ...asked.call, rpc: { ...rpc, retry: "conditional" as const } };
      expect((await send({ ...asked, call })).status).toBe(404);
      expect(call.attemptLog.mayHaveBeenExecuted).toBe(expected);
    }
  });

  test("a call that was answered with a proxy's 401 does not end as one that was never sent", async () => {
    const withoutToken = gateway(
      () => 401,
      () => false,
    );
    await withoutToken.tokens.get(request().call);
    withoutToken.iam.isAway = true;
    expect((await withoutToken.send(request())).status).toBe(401);

    const { tokens } = gateway(() => 200);
    const ending = new AbortController();
    let sent = 0;
    const rejecting = createBearer({ kind: "gateway", tokens })(async () => {
      sent += 1;
      if (sent === 1) return answer(401);
      ending.abort(new CallEnded("cancelled"));
      throw new UpstreamError("CANCELLED", "in the queue");
    });
    await expect(rejecting(request({ signal: ending.signal }))).rejects.toMatchObject({
      code: "CANCELLED",
      sent: true,
    });
  });

  test("a retry that is not sent after a proxy's 401 and a 429 does not end as one that was never sent", async () => {
    const { tokens } = gateway(() => 200);
    let sent = 0;
    const bearer = createBearer({ kind: "gateway", tokens });
    const clock = createDrivenClock();
    const retry = createRetry({
      clock,
      random: () => 0.5,
      budget: createRetryBudget({ clock }),
      hasQueue: true,
      maxAttempts: 1,
      isOwnError: ({ status: code }) => code === 429,
    });
    const send = retry(
      bearer(async () => {
        sent += 1;
        if (sent <= 2) return answer(sent === 1 ? 401 : 429);
        throw new UpstreamError("UNREACHABLE", "no connection");
      }),
    );
    await expect(send(request())).rejects.toMatchObject({ code: "UNREACHABLE", sent: true });
  });

  test("a late 401 of an old token leads to an attempt with the current one, without IAM", async () => {
    let late: (() => void) | undefined;
    const g = gateway((authorization) => (authorization === "Bearer token-1" ? 401 : 200));
    const slow = createBearer({ kind: "gateway", tokens: g.tokens, isOwnError: () => true })(async (
      passed,
    ) => {
      const authorization = passed.headers["authorization"];
      if (authorization !== "Bearer token-1") return answer(204);
      await new Promise<void>((resolve) => (late = resolve));
      return answer(401);
    });
    await g.tokens.get(request().call);
    const answered = slow(request());
    await g.send(request());
    await g.clock.advance(60_000);
    late?.();
    expect((await answered).status).toBe(204);
    expect(g.iam.granted).toBe(2);
  });

  test("a 403 does not lead to a renewal", async () => {
    const g = gateway(() => 403);
    expect((await g.send(request())).status).toBe(403);
    expect(g.iam.granted).toBe(1);
    expect(g.sent).toHaveLength(1);
  });

  test("a call that needs a new token rejects with IAM's failure if there is none", async () => {
    const g = gateway(() => 401);
    await g.tokens.get(request().call);
    g.iam.isAway = true;
    await expect(g.send(request())).rejects.toMatchObject({ code: "IAM_UNAVAILABLE", sent: false });
    expect(g.sent).toHaveLength(1);
  });

  test("a call without a token sends nothing", async () => {
    const g = gateway(() => 200);
    g.iam.isAway = true;
    await expect(g.send(request())).rejects.toMatchObject({ code: "IAM_UNAVAILABLE" });
    expect(g.sent).toHaveLength(0);
  });

  test("a call that ended is not sent again after a 401", async () => {
    const controller = new AbortController();
    const g = gateway(() => {
      controller.abort(new CallEnded("cancelled"));
      return 401;
    });
    expect((await g.send(request({ signal: controller.signal }))).status).toBe(401);
    expect(g.sent).toHaveLength(1);
    expect(g.iam.granted).toBe(1);
  });
});

const passThrough = (status: number) => {
  const sent: UpstreamRequest[] = [];
  const send = createBearer({ kind: "caller" })(async (passed) => {
    sent.push(passed);
    return answer(status);
  });
  return { send, sent };
};

describe("with the caller's token", () => {
  test("the caller's token is added", async () => {
    const { send, sent } = passThrough(200);
    const original = request({ callerToken: new Secret("theirs") });
    await send(original);
    expect(bearers(sent)).toEqual(["Bearer theirs"]);
    expect(original.call.attemptLog.credential).toBe("caller");
  });

  test("a call without a caller's token is rejected", async () => {
    const { send, sent } = passThrough(200);
    await expect(send(request())).rejects.toMatchObject({ code: "CALLER_TOKEN_MISSING" });
    expect(sent).toHaveLength(0);
  });

  test("a 401 for a caller's token is returned and not retried", async () => {
    const { send, sent } = passThrough(401);
    expect((await send(request({ callerToken: new Secret("theirs") }))).status).toBe(401);
    expect(sent).toHaveLength(1);
  });
});
