import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { UpstreamError } from "../../../../src/upstream/error.ts";
import type { UpstreamRequest } from "../../../../src/upstream/layer.ts";
import { answer, fixture, pass, resultOf } from "./breaker-fixture.ts";
import type { Fixture } from "./breaker-fixture.ts";
import { openRequest } from "../requests.ts";

beforeEach(() => {
  vi.useFakeTimers();
});
afterEach(() => {
  vi.useRealTimers();
});

async function halfOpen(onClose?: () => void): Promise<Fixture> {
  const made = fixture({}, { onClose });
  await made.trip();
  await pass(5_000);
  expect(made.breaker.state).toBe("halfOpen");
  return made;
}

const unsafeRequest = () =>
  openRequest({
    method: "POST",
    call: {
      rpc: {
        method: "CreateKey",
        retry: "unsafe",
        priority: "management",
        attemptTimeoutMs: 8_000,
      },
    },
  });

test("one of fifty simultaneous calls is sent as the probe and the others are rejected", async () => {
  const made = await halfOpen();
  const pending = made.hold();
  const before = made.arrivals;
  const results = Promise.all(Array.from({ length: 50 }, () => made.ask()));
  await pass(10);
  expect(made.arrivals - before).toBe(1);
  pending[0]?.resolve(answer(200));
  const codes = await results;
  expect(codes.filter((code) => code === 200)).toHaveLength(1);
  expect(codes.filter((code) => code === "CIRCUIT_OPEN")).toHaveLength(49);
});

test("a response closes the circuit before the caller sees it", async () => {
  const onClose = vi.fn();
  const made = await halfOpen(onClose);
  made.upstream = () => Promise.resolve(answer(200));
  const state = made.send(openRequest()).then(() => made.breaker.state);
  expect(await state).toBe("closed");
  expect(onClose).toHaveBeenCalledTimes(1);
});

test.each([404, 429, 501])("a response with status %i closes the circuit too", async (status) => {
  const made = await halfOpen();
  made.upstream = () => Promise.resolve(answer(status));
  expect(await made.ask()).toBe(status);
  expect(made.breaker.state).toBe("closed");
});

test.each([500, 503])(
  "a response with status %i opens the circuit again, for twice as long",
  async (status) => {
    const made = await halfOpen();
    made.upstream = () => Promise.resolve(answer(status));
    expect(await made.ask()).toBe(status);
    expect(made.breaker.state).toBe("open");
    expect(made.breaker.retryInMs).toBe(10_000);
  },
);

test("a caller of the probe that cancels is answered at once, and the probe's response decides", async () => {
  for (const [status, state] of [
    [200, "closed"],
    [503, "open"],
  ] as const) {
    const made = await halfOpen();
    const pending = made.hold();
    const request = openRequest();
    const result = resultOf(made.send(request));
    await pass(5);
    request.end("cancelled");
    expect(await result).toBe("CANCELLED");
    expect(made.breaker.state).toBe("halfOpen");
    pending[0]?.resolve(answer(status));
    await pass(1);
    expect(made.breaker.state).toBe(state);
    made.breaker[Symbol.dispose]();
  }
});

test("the caller of the probe ends at its deadline with DEADLINE, possibly sent", async () => {
  const made = await halfOpen();
  made.hold();
  const request = openRequest();
  const sent = made.send(request).catch((error: unknown) => error);
  request.end("deadline");
  expect(await sent).toMatchObject({ code: "DEADLINE", sent: true });
});

test("a probe without a response in two seconds opens the circuit, and its caller still gets the response", async () => {
  const made = await halfOpen();
  const pending = made.hold();
  const result = made.ask();
  await pass(1_999);
  expect(made.breaker.state).toBe("halfOpen");
  expect(made.breaker.retryInMs).toBe(1);
  await pass(1);
  expect(made.breaker.state).toBe("open");
  expect(made.breaker.retryInMs).toBe(10_000);
  pending[0]?.resolve(answer(200));
  expect(await result).toBe(200);
  expect(made.breaker.state).toBe("open");
});

test("a probe that is answered in time leaves no timer", async () => {
  const made = await halfOpen();
  made.upstream = () => Promise.resolve(answer(200));
  await made.ask();
  expect(vi.getTimerCount()).toBe(0);
});

test("a probe whose outcome is ignored opens the circuit again", async () => {
  const made = await halfOpen();
  made.upstream = () => Promise.reject(new Error("a defect"));
  expect(await made.ask()).toBe("Error: a defect");
  expect(made.breaker.state).toBe("open");
});

test("a request that must not be executed twice is a probe only after a second period", async () => {
  const made = await halfOpen();
  made.upstream = () => Promise.resolve(answer(201));
  expect(made.breaker.rejectionOf(unsafeRequest().call)?.retryAfterMs).toBe(5_500);
  expect(await resultOf(made.send(unsafeRequest()))).toBe("CIRCUIT_OPEN");
  expect(made.breaker.rejectionOf(openRequest().call)).toBeUndefined();
  await pass(5_000);
  expect(await resultOf(made.send(unsafeRequest()))).toBe(201);
  expect(made.breaker.state).toBe("closed");
});

test("a call that has ended is not taken for a probe", async () => {
  const made = await halfOpen();
  made.upstream = () => Promise.reject(new UpstreamError("CANCELLED", "gone"));
  const request = openRequest();
  request.end("cancelled");
  expect(await resultOf(made.send(request))).toBe("CANCELLED");
  made.upstream = () => Promise.resolve(answer(200));
  expect(await made.ask()).toBe(200);
});

test("the probe's body survives its caller and is zeroed with the late response at the end", async () => {
  const made = await halfOpen();
  const pending = made.hold();
  const held = made.upstream;
  let received: UpstreamRequest | undefined;
  made.upstream = (request) => {
    received = request;
    return held(request);
  };
  const body = Buffer.from("plaintext");
  const request = openRequest({ method: "POST", body });
  const result = resultOf(made.send(request));
  request.end("cancelled");
  await result;
  body.fill(0);
  expect(received?.body?.toString()).toBe("plaintext");
  const late = Buffer.from("key material");
  pending[0]?.resolve({ status: 200, headers: {}, body: late });
  await pass(1);
  expect(received?.body?.every((byte) => byte === 0)).toBe(true);
  expect(late.every((byte) => byte === 0)).toBe(true);
});

test("disposing the breaker ends the probe", async () => {
  const made = await halfOpen();
  made.upstream = ({ call }) =>
    new Promise((_, reject) => {
      call.signal.addEventListener("abort", () => {
        reject(new UpstreamError("SHUTDOWN", "gone"));
      });
    });
  const result = made.ask();
  await pass(1);
  made.breaker[Symbol.dispose]();
  expect(await result).toBe("SHUTDOWN");
  expect(vi.getTimerCount()).toBe(0);
});
