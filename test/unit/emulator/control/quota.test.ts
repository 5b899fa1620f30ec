import * as fc from "fast-check";
import { expect, test } from "vitest";
import { createQuota } from "../../../../src/emulator/control/quota.ts";
import { startEmulator } from "../../../support/start-emulator.ts";
import { createRestClient } from "../rest-client.ts";

test("a quota admits in any period at most the burst and the tokens added in that period", () => {
  const gaps = fc.array(fc.integer({ min: 0, max: 400 }), { minLength: 1, maxLength: 200 });
  const rate = fc.integer({ min: 1, max: 50 });
  const burst = fc.integer({ min: 1, max: 20 });
  fc.assert(
    fc.property(gaps, rate, burst, (waits, ratePerSecond, size) => {
      const quota = createQuota();
      quota.set({ ratePerSecond, burst: size });
      const passedAt: number[] = [];
      let now = 1000;
      for (const wait of waits) {
        now += wait;
        if (quota.exceeded("instance", now) === undefined) passedAt.push(now);
      }
      for (const [from, start] of passedAt.entries()) {
        for (const [to, end] of passedAt.entries()) {
          if (to < from) continue;
          const allowed = size + ((end - start) / 1000) * ratePerSecond;
          expect(to - from + 1).toBeLessThanOrEqual(allowed + 1e-6);
        }
      }
    }),
    { numRuns: 50 },
  );
});

test("each instance has its own quota bucket, and its own rule takes precedence over the general rule", () => {
  const quota = createQuota();
  quota.set({ ratePerSecond: 1, burst: 1 });
  quota.set({ ratePerSecond: 1, burst: 2 }, "large");
  expect([quota.exceeded("a", 0), quota.exceeded("b", 0)]).toEqual([undefined, undefined]);
  expect(quota.exceeded("a", 0)).toBeDefined();
  expect([quota.exceeded("large", 0), quota.exceeded("large", 0)]).toEqual([undefined, undefined]);
  expect(quota.exceeded("large", 0)).toBeDefined();
  quota.clear();
  expect(quota.exceeded("a", 0)).toBeUndefined();
});

test("requests beyond the quota get 429 and are not executed", async () => {
  await using emulator = await startEmulator({
    quota: { ratePerSecond: 1, burst: 2, retryAfterSeconds: 3 },
    wallNow: () => 0,
  });
  const client = createRestClient(emulator);
  await client.createKey();
  await client.createKey();
  const refused = await client.call("GET", "/keys");
  expect([refused.status, refused.headers["retry-after"]]).toEqual([429, "3"]);
  emulator.clock.advance(1000);
  expect((await client.call("HEAD", "/keys")).headers["key-total"]).toBe("2");
  expect(emulator.requests.list({ status: 429 })).toMatchObject([{ isExecuted: false }]);
});
