import { pino } from "pino";
import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import { systemClock } from "../../../src/platform/clock.ts";
import type { OperationClass } from "../../../src/upstream/circuit-breaker/breakers.ts";
import { UpstreamError } from "../../../src/upstream/error.ts";
import type { Send } from "../../../src/upstream/layer.ts";
import { createUpstreamHosts } from "../../../src/upstream/host.ts";
import type { UpstreamHost, UpstreamHosts } from "../../../src/upstream/host.ts";
import type { HostEvent } from "../../../src/upstream/meter.ts";
import { breakersLayer } from "./circuit-breaker/breaker-fixture.ts";
import { openRequest } from "./requests.ts";

const dead: Send = () => Promise.reject(new UpstreamError("UNREACHABLE", "refused"));
const alive: Send = () => Promise.resolve({ status: 200, headers: {}, body: Buffer.alloc(0) });

const requestOf = (operations: OperationClass) =>
  openRequest({
    call: {
      rpc: {
        method: "Any",
        retry: "safe",
        priority: operations === "data" ? "interactive" : "management",
        attemptTimeoutMs: 3_000,
      },
    },
  });

/** Sends a request to a host that answers. */
async function sendAlive({ circuitBreakers }: UpstreamHost, operations: OperationClass) {
  if (circuitBreakers === undefined) throw new Error("the host has no circuit breakers");
  await breakersLayer(circuitBreakers)(alive)(requestOf(operations));
}

/** Makes requests fail until a circuit opens. */
async function trip(host: UpstreamHost, operations: OperationClass): Promise<void> {
  const send = host.circuitBreakers && breakersLayer(host.circuitBreakers)(dead);
  for (let asked = 0; asked < 20; asked++) {
    await send?.(requestOf(operations)).catch(() => undefined);
  }
}

interface Fixture {
  readonly hosts: UpstreamHosts;
  /** The lines of the log. */
  readonly log: unknown[];
}

function fixture(): Fixture {
  const log: unknown[] = [];
  const logger = pino(
    { base: null, timestamp: false, formatters: { level: (level) => ({ level }) } },
    { write: (line) => void log.push(JSON.parse(line)) },
  );
  return { hosts: createUpstreamHosts({ clock: systemClock, random: () => 0.5, logger }), log };
}

/** Adds a listener that records its calls. */
function listenTo(host: UpstreamHost, name: string, calls: string[]): void {
  host.listen({
    onOpen: (operations, rejection) =>
      void calls.push(`${name}: ${operations} ${rejection().code}`),
    onClose: (operations) => void calls.push(`${name}: ${operations} closed`),
  });
}

describe("a host", () => {
  beforeEach(() => {
    vi.useFakeTimers();
  });
  afterEach(() => {
    vi.useRealTimers();
  });

  test("a host is one for all that ask for the same URL, and shares nothing with another host", async () => {
    const { hosts } = fixture();
    const here = hosts.of("https://here.test");
    const there = hosts.of("https://there.test");
    expect(hosts.of("https://here.test")).toBe(here);

    await trip(here, "data");
    expect(here.circuitBreakers?.byClass.data.rejectionOf(requestOf("data").call)).toMatchObject({
      code: "CIRCUIT_OPEN",
    });
    expect(there.circuitBreakers?.byClass.data.rejectionOf(requestOf("data").call)).toBeUndefined();
    while (here.retryBudget.withdraw());
    expect(there.retryBudget.withdraw()).toBe(true);
    hosts[Symbol.dispose]();
  });

  test("the listeners of a host learn when a circuit opens and closes, and of which operations", async () => {
    const { hosts } = fixture();
    const host = hosts.of("https://here.test");
    const calls: string[] = [];
    listenTo(host, "a", calls);
    listenTo(host, "b", calls);

    await trip(host, "management");
    expect(calls).toEqual(["a: management CIRCUIT_OPEN", "b: management CIRCUIT_OPEN"]);
    expect(host.circuitBreakers?.byClass.data.rejectionOf(requestOf("data").call)).toBeUndefined();

    calls.length = 0;
    await vi.advanceTimersByTimeAsync(10_001);
    await sendAlive(host, "management");
    expect(calls).toEqual(["a: management closed", "b: management closed"]);
    hosts[Symbol.dispose]();
  });

  test("the log says that the circuit of a host opened, and that it closed", async () => {
    const { hosts, log } = fixture();
    const host = hosts.of("https://here.test");
    await trip(host, "data");
    await vi.advanceTimersByTimeAsync(5_001);
    await sendAlive(host, "data");
    const fields = { origin: "https://here.test", operations: "data" };
    expect(log).toEqual([
      {
        level: "warn",
        ...fields,
        msg: "the circuit is open: requests to Key Protect are rejected for a while",
      },
      { level: "info", ...fields, msg: "the circuit is closed: Key Protect answers again" },
    ]);
    hosts[Symbol.dispose]();
  });

  test("a circuit works although a listener throws, and the log has the exception", async () => {
    const { hosts, log } = fixture();
    const host = hosts.of("https://here.test");
    const fault = new Error("of the listener");
    host.listen({
      onOpen: () => {
        throw fault;
      },
      onClose: () => undefined,
    });
    await trip(host, "data");
    expect(host.circuitBreakers?.byClass.data.state).toBe("open");
    expect(log.at(-1)).toMatchObject({
      level: "error",
      err: { message: "of the listener" },
      origin: "https://here.test",
      msg: "a listener of the circuit failed",
    });
    hosts[Symbol.dispose]();
  });

  test("a host emits an event per opening, and the watchers are called at each change of any host", async () => {
    const events: HostEvent[] = [];
    const hosts = createUpstreamHosts({
      clock: systemClock,
      random: () => 0.5,
      logger: pino({ level: "silent" }),
      emit: (event) => void events.push(event),
    });
    const open: number[] = [];
    hosts.watch(() => void open.push(hosts.circuitsOpen));
    const host = hosts.of("https://here.test");
    await trip(host, "data");
    await trip(hosts.of("https://there.test"), "management");
    await vi.advanceTimersByTimeAsync(5_001);
    await sendAlive(host, "data");
    expect(open).toEqual([1, 2, 1]);
    expect(events).toEqual([
      { kind: "circuitOpened", circuit: "data" },
      { kind: "circuitOpened", circuit: "management" },
    ]);
    hosts[Symbol.dispose]();
  });

  test("disposed hosts leave no timer behind", async () => {
    const { hosts } = fixture();
    await trip(hosts.of("https://here.test"), "data");
    await trip(hosts.of("https://there.test"), "management");
    expect(vi.getTimerCount()).toBeGreaterThan(0);
    hosts[Symbol.dispose]();
    expect(vi.getTimerCount()).toBe(0);
  });
});
