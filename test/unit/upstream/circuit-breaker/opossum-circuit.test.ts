/** Behaviours of opossum that `opossum-circuit.ts` works around; its head comment lists them. */
import { afterEach, beforeEach, expect, test, vi } from "vitest";
import type { UpstreamRequest } from "../../../../src/upstream/layer.ts";
import { openRequest } from "../requests.ts";
import { answer, fixture, pass, resultOf, settings, unreachable } from "./breaker-fixture.ts";

beforeEach(() => {
  vi.useFakeTimers();
});
afterEach(() => {
  vi.useRealTimers();
});

test("twenty calls at once to a healthy upstream are all answered and the circuit stays closed", async () => {
  const made = fixture();
  const pending = made.hold();
  const all = Promise.all(Array.from({ length: 20 }, () => made.ask()));
  await pass(10);
  for (const exchange of pending) exchange.resolve(answer(200));
  expect(new Set(await all)).toEqual(new Set([200]));
  expect(made.breaker.state).toBe("closed");
});

test("a probe whose caller cancels leaves the circuit half-open until the upstream answers", async () => {
  const made = fixture();
  await made.trip();
  await pass(5_000);
  const pending = made.hold();
  const request = openRequest();
  const result = resultOf(made.send(request));
  request.end("cancelled");
  expect(await result).toBe("CANCELLED");
  expect(made.breaker.state).toBe("halfOpen");
  pending[0]?.reject(unreachable());
  await pass(1);
  expect(made.breaker.state).toBe("open");
});

test("a success of a call that began before the opening does not close the half-open circuit", async () => {
  const made = fixture();
  const pending = made.hold();
  const old = made.ask();
  await made.trip();
  await pass(5_500);
  pending[0]?.resolve(answer(200));
  expect(await old).toBe(200);
  expect(made.breaker.state).toBe("halfOpen");
});

test("failures of calls that began before the opening change nothing, and the probe closes the circuit", async () => {
  const made = fixture();
  const pending = made.hold();
  const slow = Promise.all([made.ask(), made.ask()]);
  await made.trip();
  await pass(5_000);
  for (const exchange of pending) exchange.reject(unreachable());
  await slow;
  expect(made.breaker.state).toBe("halfOpen");
  made.upstream = () => Promise.resolve(answer(200));
  expect(await made.ask()).toBe(200);
  expect(made.breaker.state).toBe("closed");
});

test("six failures in one moment are one opening, followed by the half-open state", async () => {
  const onOpen = vi.fn();
  const made = fixture({}, { onOpen });
  const pending = made.hold();
  const all = Promise.all(Array.from({ length: 6 }, () => made.ask()));
  await pass(1);
  for (const exchange of pending) exchange.reject(unreachable());
  await all;
  expect(onOpen).toHaveBeenCalledTimes(1);
  await pass(5_000);
  expect(made.breaker.state).toBe("halfOpen");
});

test("an error whose properties throw reaches its caller unchanged and is not counted", async () => {
  const made = fixture();
  const hostile = new Proxy(new Error("hostile"), {
    get: () => {
      throw new Error("do not look");
    },
    getPrototypeOf: () => {
      throw new Error("do not look");
    },
  });
  made.upstream = () => Promise.reject(hostile);
  const caught = await made.send(openRequest()).catch((error: unknown) => [error]);
  expect(Array.isArray(caught) && caught[0] === hostile).toBe(true);
  expect(made.breaker.state).toBe("closed");
});

test("a call that closes the circuit is answered although the listener throws", async () => {
  const made = fixture(
    {},
    {
      onClose: () => {
        throw new Error("listener");
      },
    },
  );
  await made.trip();
  await pass(5_000);
  made.upstream = () => Promise.resolve(answer(200));
  expect(await made.ask()).toBe(200);
  expect(made.breaker.state).toBe("closed");
});

test("a probe without a response opens the circuit again, and another probe is sent later", async () => {
  const made = fixture();
  await made.trip();
  await pass(5_000);
  made.hold();
  void made.ask();
  await pass(2_000);
  expect(made.breaker.state).toBe("open");
  await pass(10_000);
  made.upstream = () => Promise.resolve(answer(200));
  expect(await made.ask()).toBe(200);
  expect(made.breaker.state).toBe("closed");
});

test("a failed probe opens the circuit although fewer exchanges than the minimum are counted", async () => {
  const made = fixture({ minimumExchanges: 20 });
  await made.trip();
  await pass(5_500);
  expect(await made.ask()).toBe("UNREACHABLE");
  expect(made.breaker.state).toBe("open");
});

test("each call has its own signal, so that the end of one does not end another", async () => {
  const made = fixture();
  const seen: UpstreamRequest[] = [];
  const pending = made.hold();
  const held = made.upstream;
  made.upstream = (request) => {
    seen.push(request);
    return held(request);
  };
  const slow = openRequest();
  const innocent = openRequest();
  const all = Promise.all([made.send(slow), made.send(innocent)]);
  slow.end("deadline");
  expect(seen.map(({ call }) => call.signal.aborted)).toEqual([true, false]);
  for (const exchange of pending) exchange.resolve(answer(200));
  await all;
});

test("a circuit that closed after an outage needs the minimum of failures to open again", async () => {
  const made = fixture();
  await made.trip();
  await pass(5_000);
  made.upstream = () => Promise.resolve(answer(200));
  await made.ask();
  expect(made.breaker.state).toBe("closed");
  made.upstream = () => Promise.reject(unreachable());
  for (let count = 0; count < 3; count++) await made.ask();
  expect(made.breaker.state).toBe("closed");
  await made.ask();
  expect(made.breaker.state).toBe("open");
});

test("a circuit whose reset was shortened by jitter starts without the counts of the outage", async () => {
  const made = fixture({}, { random: () => 0 });
  await made.trip();
  await pass(4_000);
  made.upstream = () => Promise.resolve(answer(200));
  await made.ask();
  made.upstream = () => Promise.reject(unreachable());
  await made.ask();
  expect(made.breaker.state).toBe("closed");
});

test("a failure of a call that began before the outage does not open the circuit that closed again", async () => {
  const made = fixture({ minimumExchanges: 1 });
  const pending = made.hold();
  const old = made.ask();
  await made.trip();
  await pass(5_000);
  made.upstream = () => Promise.resolve(answer(200));
  await made.ask();
  pending[0]?.reject(unreachable());
  await old;
  expect(made.breaker.state).toBe("closed");
});

test("a circuit opens after the minimum of failures although it rejected 500 calls before it closed", async () => {
  const made = fixture();
  await made.trip();
  for (let count = 0; count < 500; count++) expect(await made.ask()).toBe("CIRCUIT_OPEN");
  await pass(5_000);
  made.upstream = () => Promise.resolve(answer(200));
  await made.ask();
  made.upstream = () => Promise.reject(unreachable());
  let failures = 0;
  while (made.breaker.state === "closed") {
    await made.ask();
    failures += 1;
  }
  expect(failures).toBe(settings.minimumExchanges);
});

test("fifty circuits share no emitter, so that Node warns of no leak", () => {
  const warn = vi.spyOn(process, "emitWarning").mockReturnValue();
  for (let count = 0; count < 50; count++) fixture();
  expect(warn).not.toHaveBeenCalled();
  warn.mockRestore();
});

test("a circuit has one timer while it is open, and none otherwise", async () => {
  const made = fixture();
  await made.ask();
  expect(vi.getTimerCount()).toBe(0);
  await made.trip();
  expect(vi.getTimerCount()).toBe(1);
  await pass(5_000);
  expect(vi.getTimerCount()).toBe(0);
});
