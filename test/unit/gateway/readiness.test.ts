import { pino } from "pino";
import { expect, test } from "vitest";
import { watchReadiness } from "../../../src/gateway/readiness.ts";
import type { TokenExchangeErrorCode } from "../../../src/iam/exchange-error.ts";
import type { AuthType, ManagedTokenSource } from "../../../src/iam/token.ts";
import { eventually } from "../../support/eventually.ts";

/** A token source whose waits end when the test says so. */
function heldSource(failure: TokenExchangeErrorCode, authType: AuthType = "iam") {
  const waits: ((hasToken: boolean) => void)[] = [];
  const source: ManagedTokenSource = {
    get: () => Promise.reject(new Error("unused")),
    renew: () => Promise.reject(new Error("unused")),
    ready: () => new Promise((resolve) => waits.push(resolve)),
    state: () => ({
      authType,
      phase: "none",
      generation: 0,
      ageMs: undefined,
      failure,
      credentialUsedAt: undefined,
    }),
    credentialReplaced: () => undefined,
    close: () => undefined,
  };
  return { source, waits };
}

test.each([
  ["REJECTED", "iam", "the API key of instance eu cannot be used"],
  ["REJECTED", "container", "the trusted profile (container) of instance eu cannot be used"],
  ["REJECTED", "vpc", "the trusted profile (vpc) of instance eu cannot be used"],
  ["REJECTED", "iamAssume", "the trusted profile (iamAssume) of instance eu cannot be used"],
  ["API_KEY_UNREADABLE", "iam", "the API key of instance eu cannot be used"],
  ["CR_TOKEN_UNREADABLE", "container", "the compute-resource token of instance eu cannot be used"],
  ["CLIENT_SECRET_UNREADABLE", "iam", "the client secret of instance eu cannot be used"],
  ["PROXY_REFUSED", "iam", "the way through the proxy to the IAM of instance eu cannot be used"],
] as const)(
  "readiness waits for a first token beyond its limit while the credential fails with %s of %s",
  async (failure, authType, reason) => {
    const { source, waits } = heldSource(failure, authType);
    let calls = 0;
    const readiness = watchReadiness({
      tokens: new Map([["eu", source]]),
      logger: pino({ level: "silent" }),
      onReady: () => (calls += 1),
    });
    waits[0]?.(false);
    await eventually(() => waits.length === 2);
    expect(readiness.current()).toEqual({
      isReady: false,
      reasons: [reason],
    });
    expect(calls).toBe(0);
    waits[1]?.(true);
    await eventually(() => readiness.current().isReady);
    expect(calls).toBe(1);
  },
);

test("readiness does not wait longer for an IAM that cannot be reached", async () => {
  const { source, waits } = heldSource("UNREACHABLE");
  const readiness = watchReadiness({
    tokens: new Map([["eu", source]]),
    logger: pino({ level: "silent" }),
    onReady: () => undefined,
  });
  expect(readiness.current().reasons).toEqual(["no IAM token yet for instance eu"]);
  waits[0]?.(false);
  await eventually(() => readiness.current().isReady);
});

test("readiness is not ready with the reason draining from the drain on", () => {
  const readiness = watchReadiness({
    tokens: new Map(),
    logger: pino({ level: "silent" }),
    onReady: () => undefined,
  });
  expect([readiness.isDraining, readiness.current()]).toEqual([
    false,
    { isReady: true, reasons: [] },
  ]);

  readiness.drain();

  expect([readiness.isDraining, readiness.current()]).toEqual([
    true,
    { isReady: false, reasons: ["draining"] },
  ]);
});
