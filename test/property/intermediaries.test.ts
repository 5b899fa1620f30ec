/** Invariants of calls behind an intermediary that answers at random in Key Protect's place. */
import * as fc from "fast-check";
import { inject, test } from "vitest";
import {
  behindIntermediary,
  bodiesFor,
  judgeCall,
  pageStatuses,
  retryAfters,
  trialNames,
  type Page,
  type TrialName,
} from "../support/intermediary.ts";
import { startTestGateway } from "../support/start-gateway.ts";

/** Each schedule goes through sockets, so there are fewer of them than of the outbound pipeline. */
const schedules = Math.ceil(inject("schedules") / 5);

const page = (name: TrialName): fc.Arbitrary<Page> =>
  fc.record({
    status: fc.constantFrom(...pageStatuses),
    body: fc.constantFrom(...bodiesFor(name)),
    retryAfter: fc.constantFrom(...retryAfters),
    when: fc.constantFrom("before-processing", "after-processing"),
  });

const schedule = fc
  .constantFrom(...trialNames)
  .chain((name) =>
    fc.tuple(fc.constant(name), fc.array(page(name), { minLength: 1, maxLength: 4 })),
  );

test("behind a proxy that answers at random, no change is made twice unless told, and no page is a verdict", async () => {
  await using gateway = await startTestGateway(behindIntermediary);
  await fc.assert(
    fc.asyncProperty(schedule, ([name, pages]) => judgeCall(gateway, name, pages)),
    { numRuns: schedules },
  );
}, 600_000);
