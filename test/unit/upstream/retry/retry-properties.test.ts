import * as fc from "fast-check";
import { expect, test } from "vitest";
import { UpstreamError } from "../../../../src/upstream/error.ts";
import type { UpstreamErrorCode } from "../../../../src/upstream/error.ts";
import { callEndedError } from "../../../../src/upstream/error.ts";
import type { Send } from "../../../../src/upstream/layer.ts";
import { createRetry } from "../../../../src/upstream/retry/retry.ts";
import { createRetryBudget } from "../../../../src/upstream/retry/retry-budget.ts";
import { createDrivenClock } from "../../../support/driven-clock.ts";
import { openRequest } from "../requests.ts";

const codes = ["UNREACHABLE", "RESET", "ATTEMPT_TIMEOUT", "TLS", "BAD_RESPONSE"] as const;
const refusals = ["CIRCUIT_OPEN", "OVERLOADED", "IAM_UNAVAILABLE"] as const;

/** How one exchange goes, and how long it takes. */
const exchange = fc.record({
  ms: fc.nat({ max: 400 }),
  ending: fc.oneof(
    fc.record({
      status: fc.constantFrom(200, 404, 408, 429, 500, 501, 502, 503, 504),
      // Whether a proxy wrote the answer, possibly after it passed the request on.
      isPage: fc.boolean(),
      retryAfter: fc.option(fc.nat({ max: 3 }).map(String), { nil: undefined }),
    }),
    fc.record({ code: fc.constantFrom<UpstreamErrorCode>(...codes), sent: fc.boolean() }),
    fc.record({ code: fc.constantFrom<UpstreamErrorCode>(...refusals), sent: fc.constant(false) }),
  ),
});

const schedule = fc.record({
  exchanges: fc.array(exchange, { minLength: 1, maxLength: 8 }),
  retry: fc.constantFrom("safe", "conditional", "unsafe"),
  deadline: fc.integer({ min: 1, max: 3_000 }),
  cancelAt: fc.option(fc.nat({ max: 2_000 }), { nil: undefined }),
  random: fc.double({ min: 0, max: 1, maxExcluded: true, noNaN: true }),
  hasQueue: fc.boolean(),
});

test("whatever the upstream does, attempts are bounded, unsafe requests are executed once, and the call settles in time", async () => {
  await fc.assert(
    fc.asyncProperty(
      schedule,
      async ({ exchanges, retry, deadline, cancelAt, random, hasQueue }) => {
        const clock = createDrivenClock();
        const request = openRequest({
          call: {
            rpc: { method: "Any", retry, priority: "interactive", attemptTimeoutMs: 3_000 },
            deadline,
          },
        });
        const { signal } = request.call;
        clock.after(deadline, () => request.end("deadline"));
        if (cancelAt !== undefined) clock.after(cancelAt, () => request.end("cancelled"));

        let sends = 0;
        let limited = 0;
        let mayHaveExecuted = 0;
        const bodies: Buffer[] = [];
        const pages = new Set<Buffer>();
        const upstream: Send = () =>
          new Promise((resolve, reject) => {
            expect(signal.aborted).toBe(false);
            const next = exchanges[sends % exchanges.length];
            if (next === undefined) throw new Error("no exchange");
            const { ms, ending } = next;
            sends += 1;
            const isExecuted =
              "status" in ending ? ending.status !== 429 || ending.isPage : ending.sent;
            if (isExecuted) mayHaveExecuted += 1;
            if ("status" in ending && ending.status === 429) limited += 1;
            const timer = clock.after(ms, () => {
              signal.removeEventListener("abort", leave);
              if ("status" in ending) {
                const headers: Record<string, string> =
                  ending.retryAfter === undefined ? {} : { "retry-after": ending.retryAfter };
                const body = Buffer.from("secret");
                bodies.push(body);
                if (ending.isPage) pages.add(body);
                resolve({ status: ending.status, headers, body });
              } else reject(new UpstreamError(ending.code, "", { sent: ending.sent }));
            });
            const leave = (): void => {
              timer.cancel();
              reject(callEndedError(signal, { sent: true }));
            };
            signal.addEventListener("abort", leave, { once: true });
          });
        const budget = createRetryBudget({ clock });
        const send = createRetry({
          clock,
          random: () => random,
          budget,
          hasQueue,
          isOwnError: ({ body }) => !pages.has(body),
        })(upstream);

        let settledAt: number | undefined;
        let handedOn: Buffer | undefined;
        const settle = async (): Promise<void> => {
          try {
            handedOn = (await send(request)).body;
          } catch (error) {
            expect(error).toBeInstanceOf(UpstreamError);
          }
          settledAt = clock.now();
        };
        const settled = settle();
        await clock.advance(4_000);
        await settled;

        expect(settledAt).toBeLessThanOrEqual(Math.min(deadline, cancelAt ?? deadline));
        expect(sends - Math.min(limited, 2)).toBeLessThanOrEqual(3);
        expect(sends).toBeLessThanOrEqual(5);
        if (retry === "unsafe") expect(mayHaveExecuted).toBeLessThanOrEqual(1);
        for (const body of bodies) {
          expect(body.every((byte) => byte === 0)).toBe(body !== handedOn);
        }
        expect(clock.pending).toBe(0);
      },
    ),
    { numRuns: 1_000 },
  );
});
