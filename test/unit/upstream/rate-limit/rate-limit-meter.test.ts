/** The metrics of the rate limit, and its use of the time that exchanges take. */
import { describe, expect, test } from "vitest";
import { UpstreamError } from "../../../../src/upstream/error.ts";
import type { UpstreamErrorCode } from "../../../../src/upstream/error.ts";
import type { Send, UpstreamCall } from "../../../../src/upstream/layer.ts";
import { createRateLimit } from "../../../../src/upstream/rate-limit/rate-limit.ts";
import { createDrivenClock } from "../../../support/driven-clock.ts";
import { openRequest, upstreamErrorOf } from "../requests.ts";

/** A rate limit without a quota, so that only connections and deadlines hold calls up. */
function unlimited(connections = 2) {
  const clock = createDrivenClock();
  const reported: string[] = [];
  const rateLimit = createRateLimit({
    connections,
    clock,
    random: () => 0,
    nextTurn: queueMicrotask,
    emit(event) {
      if (event.kind === "attemptGranted")
        reported.push(`granted ${event.priority} ${event.waitMs}`);
      if (event.kind === "attemptShed") reported.push(`shed ${event.reason} ${event.priority}`);
      if (event.kind === "attemptEnded") reported.push(`${event.operation} ${event.outcome}`);
    },
  });
  const after =
    (ms: number, end: { status: number } | { code: UpstreamErrorCode; sent: boolean }): Send =>
    () =>
      new Promise((resolve, reject) => {
        clock.after(ms, () => {
          if ("status" in end) resolve({ ...end, headers: {}, body: Buffer.alloc(0) });
          else reject(new UpstreamError(end.code, "as the test says", { sent: end.sent }));
        });
      });
  const ask = (send: Send, call: Partial<UpstreamCall> = {}) =>
    rateLimit.layer(send)(openRequest({ call }));
  return { clock, reported, after, ask };
}

describe("the metrics of attempts", () => {
  test.each([
    [200, "2xx"],
    [404, "4xx"],
    [429, "429"],
    [503, "5xx"],
  ])("an attempt answered with %d is counted as %s", async (status, outcome) => {
    const { reported, clock, after, ask } = unlimited();
    const answer = ask(after(5, { status }));
    await clock.advance(5);
    await answer;

    expect(reported).toEqual(["granted interactive 0", `GetKey ${outcome}`]);
  });

  test("an attempt that failed is counted by the code of its error", async () => {
    const { reported, clock, after, ask } = unlimited();
    const error = upstreamErrorOf(ask(after(5, { code: "RESET", sent: true })));
    await clock.advance(5);
    await error;

    expect(reported).toEqual(["granted interactive 0", "GetKey RESET"]);
  });

  test("an attempt that the open circuit rejected is not counted", async () => {
    const { reported, clock, after, ask } = unlimited();
    const error = upstreamErrorOf(ask(after(0, { code: "CIRCUIT_OPEN", sent: false })));
    await clock.advance(1);
    await error;

    expect(reported).toEqual(["granted interactive 0"]);
  });

  test("an attempt that waits for a connection reports the wait", async () => {
    const { reported, clock, after, ask } = unlimited(1);
    const answers = [ask(after(30, { status: 200 })), ask(after(30, { status: 200 }))];
    await clock.advance(30);
    await clock.advance(40);
    await Promise.all(answers);

    expect(reported[0]).toBe("granted interactive 0");
    const waited = reported.find((text) => /^granted interactive [1-9]/.test(text));
    expect(Number(waited?.split(" ")[2])).toBeGreaterThanOrEqual(30);
  });
});

/** Asks for a response within 300 ms after 60 exchanges that ended as `send` determines. */
const afterSixty = async (send: (fixture: ReturnType<typeof unlimited>) => Send) => {
  const fixture = unlimited(64);
  const answers = Array.from({ length: 60 }, () =>
    fixture.ask(send(fixture)).catch(() => undefined),
  );
  await fixture.clock.advance(800);
  await Promise.all(answers);
  const call = { deadline: fixture.clock.now() + 300 };
  const asked = upstreamErrorOf(fixture.ask(fixture.after(0, { code: "RESET", sent: true }), call));
  await fixture.clock.advance(1);
  return asked;
};

describe("the time that exchanges take", () => {
  test("slow exchanges make short deadlines too short", async () => {
    const refused = await afterSixty((fixture) => fixture.after(800, { status: 200 }));

    expect(refused).toMatchObject({ code: "DEADLINE_TOO_SHORT", sent: false });
    expect(refused.minimumMs).toBeGreaterThan(300);
  });

  test.each<UpstreamErrorCode>(["ATTEMPT_TIMEOUT", "DEADLINE", "CANCELLED"])(
    "an exchange that ends by %s counts as slow",
    async (code) => {
      expect((await afterSixty((fixture) => fixture.after(800, { code, sent: true }))).code).toBe(
        "DEADLINE_TOO_SHORT",
      );
    },
  );

  test.each([429, 500, 503])(
    "a response %d does not count for the time that exchanges take",
    async (status) => {
      expect((await afterSixty((fixture) => fixture.after(800, { status }))).code).toBe("RESET");
    },
  );

  test("a failed exchange does not count for the time that exchanges take", async () => {
    expect(
      (await afterSixty((fixture) => fixture.after(800, { code: "RESET", sent: true }))).code,
    ).toBe("RESET");
  });

  test("a call is sent again some time after slow exchanges led to rejections", async () => {
    const fixture = unlimited(64);
    const answers = Array.from({ length: 60 }, () =>
      fixture.ask(fixture.after(800, { status: 200 })),
    );
    await fixture.clock.advance(800);
    await Promise.all(answers);
    const tried = () => {
      const call = { deadline: fixture.clock.now() + 300 };
      return upstreamErrorOf(fixture.ask(fixture.after(0, { code: "RESET", sent: true }), call));
    };
    const before = tried();
    await fixture.clock.advance(10_000);
    const later = tried();
    await fixture.clock.advance(1);

    expect([(await before).code, (await later).code]).toEqual(["DEADLINE_TOO_SHORT", "RESET"]);
  });

  test("the wait for connections counts for each call ahead", async () => {
    const fixture = unlimited(1);
    const ask = (withinMs: number) =>
      fixture
        .ask(fixture.after(100, { status: 200 }), { deadline: fixture.clock.now() + withinMs })
        .then(
          ({ status }) => String(status),
          (error: unknown) => (error instanceof UpstreamError ? error.code : "a defect"),
        );
    // The requests run one after another, so that both the exchanges and the permits are known.
    const known = Array.from({ length: 30 }, () => ask(60_000));
    await fixture.clock.advance(3_100);
    await Promise.all(known);

    const ahead = Array.from({ length: 5 }, () => ask(60_000));
    const outcomes = [ask(300), ask(900)];
    await fixture.clock.advance(2_000);
    await Promise.all(ahead);

    expect(await Promise.all(outcomes)).toEqual(["DEADLINE_TOO_SHORT", "200"]);
  });
});
