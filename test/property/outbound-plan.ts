/** Random schedules: when callers call, and how Key Protect and IAM answer each request. */
import * as fc from "fast-check";
import type { PriorityClass, RetryClass } from "../../src/rpc-table.ts";
import type { QuotaSettings } from "../../src/upstream/rate-limit/adaptive/settings.ts";

/** One call of a microservice. */
export interface PlannedCall {
  readonly atMs: number;
  readonly withinMs: number;
  /** Milliseconds after its arrival at which the caller gives up; `undefined`: never. */
  readonly cancelAfterMs: number | undefined;
  readonly caller: string;
  readonly retry: RetryClass;
  readonly priority: PriorityClass;
  readonly attemptTimeoutMs: number;
}

/** How Key Protect treats one request. Every step takes `afterMs`. */
export type PlannedExchange =
  | {
      readonly kind: "answer";
      readonly status: number;
      readonly retryAfter?: string;
      readonly afterMs: number;
    }
  /** A page of a proxy, which may have passed the request on before. */
  | {
      readonly kind: "page";
      readonly status: number;
      readonly isExecuted: boolean;
      readonly retryAfter?: string | undefined;
      readonly afterMs: number;
    }
  /** The connection is refused: nothing is written. */
  | { readonly kind: "refuse"; readonly afterMs: number }
  /** Answered with 200, but setting up the connection takes time. */
  | { readonly kind: "slowConnect"; readonly afterMs: number }
  /** Executed, and the connection breaks. */
  | { readonly kind: "reset"; readonly afterMs: number }
  /** Executed; the head of the response arrives and the body never does. */
  | { readonly kind: "stall"; readonly status: number; readonly afterMs: number }
  /** Executed, and the answer is larger than allowed. */
  | { readonly kind: "oversize"; readonly afterMs: number }
  /** Executed, and never answered. */
  | { readonly kind: "hang" };

/** How IAM treats one request. */
export interface PlannedGrant {
  readonly isGranted: boolean;
  readonly afterMs: number;
}

export interface Schedule {
  readonly calls: readonly PlannedCall[];
  /** In the order of requests; later requests are answered with 200 at once. */
  readonly exchanges: readonly PlannedExchange[];
  readonly grants: readonly PlannedGrant[];
  readonly quota: QuotaSettings | undefined;
  readonly connections: number;
  /** The value of every random number of the gateway. */
  readonly random: number;
}

const shortMs = fc.constantFrom(1, 5, 20, 60, 150, 400);

const call: fc.Arbitrary<PlannedCall> = fc.record({
  atMs: fc.integer({ min: 0, max: 1_500 }),
  withinMs: fc.constantFrom(10, 40, 100, 300, 1_000, 3_000),
  cancelAfterMs: fc.option(fc.constantFrom(0, 3, 20, 90, 300, 800), { nil: undefined, freq: 3 }),
  caller: fc.constantFrom("a", "b", "c"),
  retry: fc.constantFrom("safe", "conditional", "unsafe"),
  priority: fc.constantFrom("interactive", "management", "bulk"),
  attemptTimeoutMs: fc.constantFrom(80, 300),
});

const answer = (...statuses: readonly number[]): fc.Arbitrary<PlannedExchange> =>
  fc.record({
    kind: fc.constant("answer" as const),
    status: fc.constantFrom(...statuses),
    afterMs: shortMs,
  });

const exchange: fc.Arbitrary<PlannedExchange> = fc.oneof(
  { weight: 8, arbitrary: answer(200) },
  { weight: 3, arbitrary: answer(404, 409, 500, 502, 503, 504) },
  { weight: 2, arbitrary: answer(429) },
  {
    weight: 2,
    arbitrary: fc.record({
      kind: fc.constant("answer" as const),
      status: fc.constantFrom(429, 503),
      retryAfter: fc.constantFrom("1", "3", "soon"),
      afterMs: shortMs,
    }),
  },
  { weight: 1, arbitrary: answer(401) },
  {
    weight: 3,
    arbitrary: fc.record({
      kind: fc.constant("page" as const),
      status: fc.constantFrom(200, 302, 400, 401, 403, 404, 407, 409, 410, 429, 502, 503),
      isExecuted: fc.boolean(),
      retryAfter: fc.option(
        fc.constantFrom(
          "0",
          "1",
          "86400",
          "1000000000",
          "Fri, 31 Dec 9999 23:59:59 GMT",
          "Thu, 01 Jan 1970 00:00:00 GMT",
        ),
        { nil: undefined },
      ),
      afterMs: shortMs,
    }),
  },
  { weight: 2, arbitrary: fc.record({ kind: fc.constant("refuse" as const), afterMs: shortMs }) },
  {
    weight: 1,
    arbitrary: fc.record({ kind: fc.constant("slowConnect" as const), afterMs: shortMs }),
  },
  { weight: 2, arbitrary: fc.record({ kind: fc.constant("reset" as const), afterMs: shortMs }) },
  { weight: 1, arbitrary: fc.constant({ kind: "hang" as const }) },
  {
    weight: 1,
    arbitrary: fc.record({
      kind: fc.constant("stall" as const),
      status: fc.constantFrom(200, 500),
      afterMs: shortMs,
    }),
  },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant("oversize" as const), afterMs: shortMs }) },
);

const quota: fc.Arbitrary<QuotaSettings | undefined> = fc.oneof(
  fc.constant(undefined),
  fc.constant({ mode: "adaptive" as const }),
  fc.record({
    mode: fc.constantFrom("fixed" as const, "down-only" as const),
    ceilingPerSecond: fc.constantFrom(3, 10, 40, 300),
  }),
);

/** Adds an outage in the middle, which random exchanges would hardly produce. */
const exchanges = fc
  .tuple(
    fc.array(exchange, { maxLength: 8 }),
    fc.oneof(fc.array(answer(500, 503), { maxLength: 5 }), fc.array(answer(429), { maxLength: 8 })),
    fc.array(exchange, { maxLength: 8 }),
  )
  .map((parts) => parts.flat());

export const schedule: fc.Arbitrary<Schedule> = fc.record({
  calls: fc.array(call, { minLength: 3, maxLength: 10 }),
  exchanges,
  grants: fc.array(
    fc.record({ isGranted: fc.boolean(), afterMs: fc.constantFrom(0, 10, 200, 2_000) }),
    { maxLength: 3 },
  ),
  quota,
  connections: fc.constantFrom(1, 2, 8),
  random: fc.constantFrom(0, 0.5, 0.999),
});
