import { pino } from "pino";
import { describe, expect, test } from "vitest";
import { createObserve } from "../../../src/upstream/observe.ts";
import type { UpstreamOutcome } from "../../../src/upstream/meter.ts";
import { UpstreamError } from "../../../src/upstream/error.ts";
import type { Send } from "../../../src/upstream/layer.ts";
import { createDrivenClock } from "../../support/driven-clock.ts";
import { openRequest } from "./requests.ts";

interface Seen {
  operation: string;
  outcome: UpstreamOutcome;
  seconds: number;
}

function observed(next: Send, level = "debug") {
  const clock = createDrivenClock();
  const ended: Seen[] = [];
  const lines: string[] = [];
  let inflight = 0;
  const send = createObserve({
    emit: (event) => {
      if (event.kind === "requestStarted") inflight += 1;
      if (event.kind !== "requestEnded") return;
      inflight -= 1;
      const { operation, outcome, seconds } = event;
      ended.push({ operation, outcome, seconds });
    },
    logger: pino({ level }, { write: (line: string) => void lines.push(line) }),
    clock,
  })(next);
  return { send, clock, ended, lines, inflight: () => inflight };
}

const answering =
  (status: number): Send =>
  () =>
    Promise.resolve({ status, headers: { "x-h": "HEADER" }, body: Buffer.from("BODY") });

describe("observe", () => {
  test.each([
    [200, "2xx"],
    [204, "2xx"],
    [304, "3xx"],
    [404, "4xx"],
    [429, "429"],
    [500, "5xx"],
    [503, "5xx"],
  ])("a response with status %i is counted as %s and returned", async (status, outcome) => {
    const { send, ended } = observed(answering(status));

    await expect(send(openRequest())).resolves.toMatchObject({ status });

    expect(ended).toEqual([{ operation: "GetKey", outcome, seconds: 0 }]);
  });

  test("a failure is counted by its code and passed on", async () => {
    const failure = new UpstreamError("RESET", "broken");
    const { send, ended } = observed(() => Promise.reject(failure));

    await expect(send(openRequest())).rejects.toBe(failure);

    expect(ended).toMatchObject([{ outcome: "RESET" }]);
  });

  test("an error that is no UpstreamError is counted as a defect", async () => {
    const { send, ended } = observed(() => Promise.reject(new TypeError("oops")));

    await expect(send(openRequest())).rejects.toThrow("oops");

    expect(ended).toMatchObject([{ outcome: "DEFECT" }]);
  });

  test("a layer that throws instead of rejecting is counted as a defect", async () => {
    const { send, ended, inflight } = observed(() => {
      throw new TypeError("oops");
    });

    await expect(send(openRequest())).rejects.toThrow("oops");

    expect(ended).toHaveLength(1);
    expect(inflight()).toBe(0);
  });

  test("the duration is measured in seconds, and requests in progress are known", async () => {
    const { send, clock, ended, inflight } = observed(
      (request) =>
        new Promise((resolve) => {
          clock.after(1_500, () =>
            resolve({ status: 200, headers: request.headers, body: Buffer.of() }),
          );
        }),
    );
    const sending = send(openRequest());
    expect(inflight()).toBe(1);

    await clock.advance(1_500);
    await sending;

    expect(ended).toMatchObject([{ seconds: 1.5 }]);
    expect(inflight()).toBe(0);
  });

  test("the debug line has the correlation ID, and neither headers, path nor bodies", async () => {
    const { send, lines } = observed(answering(200));
    const request = openRequest({
      path: "/PATH",
      headers: { authorization: "Bearer HEADER" },
      body: Buffer.from("BODY"),
    });

    await send(request);

    expect(lines).toHaveLength(1);
    expect(lines[0]).toContain(request.call.correlationId);
    expect(lines[0]).not.toMatch(/HEADER|BODY|PATH/);
  });

  test("nothing is logged at level info", async () => {
    const { send, lines } = observed(answering(500), "info");

    await send(openRequest());

    expect(lines).toHaveLength(0);
  });
});
