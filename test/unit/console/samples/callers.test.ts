import { status } from "@grpc/grpc-js";
import { describe, expect, test } from "vitest";
import { createCallers } from "../../../../src/console/samples/callers.ts";
import { outcome } from "../outcome.ts";

const nothing: ReadonlyMap<string, number> = new Map();

describe("the shares of callers", () => {
  test("a caller's share is its part of the requests, and refused calls had no request", () => {
    const callers = createCallers(true);
    callers.ended(outcome({ caller: "a", attempts: 3 }));
    callers.ended(outcome({ caller: "b", attempts: 1, code: status.UNAVAILABLE }));
    callers.ended(outcome({ caller: "b", attempts: 0, code: status.RESOURCE_EXHAUSTED }));

    expect(callers.sharesOf("default", new Map([["c", 2]]))).toEqual([
      { name: "a", calls: 1, requests: 3, percent: 75, waiting: 0, refused: 0, failed: 0 },
      { name: "b", calls: 2, requests: 1, percent: 25, waiting: 0, refused: 1, failed: 1 },
      { name: "c", calls: 0, requests: 0, percent: 0, waiting: 2, refused: 0, failed: 0 },
    ]);
  });

  test("callers without names keep their numbers, and no name is given away", () => {
    const callers = createCallers(false);
    callers.ended(outcome({ caller: "spiffe://a.test/secret-team", attempts: 1 }));
    callers.ended(outcome({ caller: "spiffe://a.test/other", attempts: 2 }));
    const names = () => callers.sharesOf("default", nothing).map(({ name }) => name);
    expect(names()).toEqual(["caller 1", "caller 2"]);

    callers.ended(outcome({ caller: "spiffe://a.test/secret-team", attempts: 9 }));

    expect(names()).toEqual(["caller 2", "caller 1"]);
    expect(JSON.stringify(callers.sharesOf("default", nothing))).not.toContain("secret-team");
  });

  test("each instance has its own callers", () => {
    const callers = createCallers(true);
    callers.ended(outcome({ caller: "a", instance: "one" }));

    expect(callers.sharesOf("two", nothing)).toEqual([]);
  });

  test("what is older than a minute is forgotten", () => {
    const callers = createCallers(true);
    callers.ended(outcome({ caller: "a" }));
    for (let second = 0; second < 60; second += 1) callers.tick();
    expect(callers.sharesOf("default", nothing)).toHaveLength(1);

    for (let second = 0; second < 10; second += 1) callers.tick();

    expect(callers.sharesOf("default", nothing)).toEqual([]);
  });

  test("callers beyond 200 are counted together, so that the memory is bounded", () => {
    const callers = createCallers(true);
    for (let at = 0; at < 1_000; at += 1) callers.ended(outcome({ caller: `caller-${at}` }));

    const [first, ...rest] = callers.sharesOf("default", nothing);
    expect(first).toMatchObject({ name: "other callers", requests: 800, percent: 80 });
    expect(rest).toHaveLength(19);
  });
});
