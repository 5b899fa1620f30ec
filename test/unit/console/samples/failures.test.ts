import { status } from "@grpc/grpc-js";
import { expect, test } from "vitest";
import { createFailures } from "../../../../src/console/samples/failures.ts";
import { outcome } from "../outcome.ts";

const failed = (caller = "spiffe://a.test/team") => outcome({ caller, code: status.UNAVAILABLE });

test("a failed call has what the access log has of it, and no caller unless callers are named", () => {
  const unnamed = createFailures(200, false);
  unnamed.add(failed(), 5);
  expect(unnamed.since()).toEqual([
    {
      id: 1,
      at: 5,
      method: "WrapKey",
      code: "UNAVAILABLE",
      reason: "UPSTREAM_UNAVAILABLE",
      instance: "default",
      durationMs: 12.3,
      attempts: 1,
      upstreamStatus: 503,
      correlationId: "11111111-2222-4333-8444-555555555555",
    },
  ]);

  const named = createFailures(200, true);
  named.add(failed(), 5);
  expect(named.since()[0]?.caller).toBe("spiffe://a.test/team");
});

test("the list keeps the newest calls, in their order, and counts all", () => {
  const failures = createFailures(200, false);
  for (let at = 1; at <= 450; at += 1) failures.add(failed(), at);

  expect(failures.count).toBe(450);
  expect(failures.since().map(({ at }) => at)).toEqual(
    Array.from({ length: 200 }, (_, at) => 251 + at),
  );
  expect(failures.since(448).map(({ id }) => id)).toEqual([449, 450]);
  expect(failures.since(450)).toEqual([]);
});
