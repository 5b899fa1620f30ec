import { createServer } from "node:http";
import { once } from "node:events";
import * as fc from "fast-check";
import { describe, expect, test } from "vitest";
import { systemClock } from "../../../../src/platform/clock.ts";
import { Secret } from "../../../../src/platform/secret.ts";
import { createChangeFeeds } from "../../../../src/upstream/coalesce/change-feed.ts";
import { createCoalesce } from "../../../../src/upstream/coalesce/coalesce.ts";
import type { CoalesceOptions } from "../../../../src/upstream/coalesce/coalesce.ts";
import { UpstreamError } from "../../../../src/upstream/error.ts";
import { callEndedError } from "../../../../src/upstream/error.ts";
import type { Layer, UpstreamRequest, UpstreamResponse } from "../../../../src/upstream/layer.ts";
import { createPool } from "../../../../src/upstream/transport/pool.ts";
import { createTransport } from "../../../../src/upstream/transport/transport.ts";
import { openRequest, upstreamErrorOf } from "../requests.ts";
import { nextTurn } from "../../../support/next-turn.ts";

const methods = new Set(["GetKey", "UnwrapKey"]);
const changing = new Set(["ScheduleKeyDeletion"]);

interface Exchange {
  readonly request: UpstreamRequest;
  readonly resolve: (response: UpstreamResponse) => void;
  readonly reject: (error: unknown) => void;
}

/** One layer for requests of all RPCs: each takes the way of its own RPC. */
const createLayer = (options: CoalesceOptions): Layer => {
  const coalesce = createCoalesce(options);
  return (next) => (request) => (coalesce(request.call.rpc)?.(next) ?? next)(request);
};

/** Creates the layer before an upstream whose exchanges end by the test or with their call. */
function held(options: Partial<CoalesceOptions> = {}) {
  const exchanges: Exchange[] = [];
  const send = createLayer({ methods, changing, scope: "instance", ...options })(
    (request) =>
      new Promise((resolve, reject) => {
        const { signal } = request.call;
        request.call.attemptLog.attempts += 1;
        const end = (): void => reject(callEndedError(signal, { sent: true }));
        const settling =
          <T>(settle: (value: T) => void) =>
          (value: T): void => {
            signal.removeEventListener("abort", end);
            settle(value);
          };
        signal.addEventListener("abort", end, { once: true });
        exchanges.push({ request, resolve: settling(resolve), reject: settling(reject) });
      }),
  );
  return { exchanges, send };
}

const answered = (text = "answer"): UpstreamResponse => ({
  status: 200,
  headers: { etag: "1" },
  body: Buffer.from(text),
});

test("an RPC that neither shares requests nor changes what others share has no layer", () => {
  const coalesce = createCoalesce({ methods, changing, scope: "instance" });
  expect(coalesce({ method: "WrapKey", retry: "safe" })).toBeUndefined();
  expect(coalesce({ method: "GetKey", retry: "safe" })).toBeDefined();
  expect(coalesce({ method: "ScheduleKeyDeletion", retry: "safe" })).toBeDefined();
  expect(coalesce({ method: "CreateKey", retry: "unsafe" })).toBeDefined();
});

test("without an RPC that shares requests no RPC has the layer", () => {
  const coalesce = createCoalesce({ methods: new Set(), changing, scope: "instance" });
  expect(coalesce({ method: "CreateKey", retry: "unsafe" })).toBeUndefined();
});

describe("identical requests", () => {
  test("identical requests of the same moment lead to one exchange, and each gets its own response", async () => {
    const joined: string[] = [];
    const made = held({
      emit: (event) => void (event.kind === "requestShared" && joined.push(event.operation)),
    });
    const sent = Array.from({ length: 1_000 }, () => made.send(openRequest()));
    await nextTurn();
    expect(made.exchanges).toHaveLength(1);
    made.exchanges[0]?.resolve(answered());
    const answers = await Promise.all(sent);
    const bodies = new Set(answers.map(({ body }) => body));
    expect(bodies.size).toBe(1_000);
    for (const { status, headers, body } of answers) {
      expect(status).toBe(200);
      expect(headers["etag"]).toBe("1");
      expect(body.toString()).toBe("answer");
      // The reader of key material zeroes its body like this. The other responses must stay intact.
      body.fill(0);
    }
    expect(joined).toHaveLength(999);
  });

  test("identical requests that follow one another are all sent", async () => {
    const made = held();
    for (const text of ["first", "second"]) {
      const sent = made.send(openRequest());
      made.exchanges.at(-1)?.resolve(answered(text));
      expect((await sent).body.toString()).toBe(text);
    }
    expect(made.exchanges).toHaveLength(2);
  });

  test("a request that comes while the response is delivered is sent", async () => {
    const made = held();
    const first = made.send(openRequest());
    made.exchanges[0]?.resolve(answered());
    await first;
    void made.send(openRequest()).catch(() => undefined);
    expect(made.exchanges).toHaveLength(2);
  });

  test("a request that nothing else shares gets the response itself, not a copy", async () => {
    const made = held();
    const sent = made.send(openRequest());
    const only = answered();
    made.exchanges[0]?.resolve(only);
    expect(await sent).toBe(only);
  });

  test("identical requests share an error", async () => {
    const made = held();
    const sent = [openRequest(), openRequest()].map((request) => made.send(request));
    const error = new UpstreamError("UNREACHABLE", "refused");
    made.exchanges[0]?.reject(error);
    expect(await Promise.all(sent.map(upstreamErrorOf))).toEqual([error, error]);
  });

  test("requests that differ in their correlation ID alone are identical", async () => {
    const made = held();
    for (const id of ["a", "b"]) {
      void made.send(openRequest({ headers: { accept: "json", "correlation-id": id } }));
    }
    expect(made.exchanges).toHaveLength(1);
    expect(made.exchanges[0]?.request.headers["correlation-id"]).toBe("a");
    made.exchanges[0]?.resolve(answered());
  });
});

describe("requests are not identical", () => {
  const base = {
    method: "POST" as const,
    path: "/keys/1",
    headers: { accept: "json", "bluemix-instance": "one" },
    body: Buffer.from("ciphertext"),
  };
  test.each([
    ["path", { path: "/keys/2" }],
    ["HTTP method", { method: "GET" as const }],
    ["instance", { headers: { accept: "json", "bluemix-instance": "two" } }],
    ["a header more", { headers: { ...base.headers, prefer: "x" } }],
    ["body", { body: Buffer.from("ciphertexT") }],
    ["no body", { body: undefined }],
    ["room for the answer", { maxResponseBytes: 1 }],
  ])("requests that differ in this are not identical: %s", (_, difference) => {
    const made = held();
    void made.send(openRequest(base));
    void made.send(openRequest({ ...base, ...difference }));
    expect(made.exchanges).toHaveLength(2);
    for (const exchange of made.exchanges) exchange.resolve(answered());
  });

  test("requests of different RPCs are not identical", () => {
    const made = held();
    for (const method of ["GetKey", "UnwrapKey"]) {
      const { rpc } = openRequest().call;
      void made.send(openRequest({ call: { rpc: { ...rpc, method } } }));
    }
    expect(made.exchanges).toHaveLength(2);
    for (const exchange of made.exchanges) exchange.resolve(answered());
  });

  test("requests with different tokens are not identical if callers bring their tokens", async () => {
    for (const [scope, count] of [
      ["caller", 2],
      ["instance", 1],
    ] as const) {
      const made = held({ scope });
      const sent = ["one", "one", "two"].map((token) =>
        made.send(openRequest({ call: { callerToken: new Secret(token) } })),
      );
      expect(made.exchanges).toHaveLength(count);
      for (const exchange of made.exchanges) exchange.resolve(answered());
      await Promise.all(sent);
    }
  });
});

test("a request of a method that is not listed passes unchanged", () => {
  for (const options of [{ methods: new Set<string>() }, { methods: new Set(["ListLockers"]) }]) {
    const made = held(options);
    const request = openRequest();
    void made.send(request);
    void made.send(openRequest());
    expect(made.exchanges).toHaveLength(2);
    expect(made.exchanges[0]?.request).toBe(request);
    for (const exchange of made.exchanges) exchange.resolve(answered());
  }
});

describe("a call that ends", () => {
  test.each(["cancelled", "deadline", "shutdown"] as const)(
    "the first of the calls that share a request, ended by %s, is answered at once and disturbs none",
    async (end) => {
      const made = held();
      const first = openRequest();
      const second = openRequest();
      const [left, stays] = [made.send(first), made.send(second)];
      first.end(end);
      expect((await upstreamErrorOf(left)).code).toBe(end.toUpperCase());
      expect(made.exchanges[0]?.request.call.signal.aborted).toBe(false);
      made.exchanges[0]?.resolve(answered());
      expect((await stays).status).toBe(200);
    },
  );

  test("a later one of the calls that share a request is answered at once when it ends", async () => {
    const made = held();
    const first = openRequest();
    const second = openRequest();
    const [stays, left] = [made.send(first), made.send(second)];
    second.end("cancelled");
    expect((await upstreamErrorOf(left)).code).toBe("CANCELLED");
    made.exchanges[0]?.resolve(answered());
    expect((await stays).body.toString()).toBe("answer");
  });

  test("the end of the last call ends the exchange, which no call can join any more", async () => {
    const made = held();
    const both = [openRequest(), openRequest()];
    const sent = both.map((request) => upstreamErrorOf(made.send(request)));
    both[0]?.end("cancelled");
    both[1]?.end("deadline");
    expect((await Promise.all(sent)).map(({ code }) => code)).toEqual(["CANCELLED", "DEADLINE"]);
    const { signal } = made.exchanges[0]?.request.call ?? {};
    expect(signal?.aborted).toBe(true);
    const next = made.send(openRequest());
    expect(made.exchanges).toHaveLength(2);
    made.exchanges[1]?.resolve(answered());
    expect((await next).status).toBe(200);
  });

  test("a call that ended before it is sent is passed on", () => {
    const made = held();
    const request = openRequest();
    request.end("cancelled");
    void made.send(request).catch(() => undefined);
    expect(made.exchanges[0]?.request).toBe(request);
    made.exchanges[0]?.resolve(answered());
  });

  test("a call that ended leaves its body to the exchange, and its response is zeroed", async () => {
    const made = held();
    const body = Buffer.from("ciphertext");
    const first = openRequest({ method: "POST", body });
    const second = openRequest({ method: "POST", body: Buffer.from("ciphertext") });
    const [left, stays] = [made.send(first), made.send(second)];
    first.end("cancelled");
    await upstreamErrorOf(left);
    body.fill(0);
    const sentBody = made.exchanges[0]?.request.body;
    expect(sentBody?.toString()).toBe("ciphertext");
    made.exchanges[0]?.resolve(answered());
    await stays;
    expect(sentBody?.every((byte) => byte === 0)).toBe(true);
  });

  test("the late response of a call that was alone is zeroed", async () => {
    const late = answered("key material");
    const given: ((response: UpstreamResponse) => void)[] = [];
    const send = createLayer({ methods, changing, scope: "instance" })(
      () => new Promise((resolve) => void given.push(resolve)),
    );
    const request = openRequest();
    const error = upstreamErrorOf(send(request));
    request.end("cancelled");
    await error;
    given[0]?.(late);
    await nextTurn();
    expect(late.body.every((byte) => byte === 0)).toBe(true);
  });
});

describe("the exchange", () => {
  test("a shared exchange lasts until the latest deadline of its calls", async () => {
    const made = held();
    const sent = [100, 5_000, 300].map((deadline) =>
      made.send(openRequest({ call: { deadline } })),
    );
    expect(made.exchanges[0]?.request.call.deadline).toBe(5_000);
    made.exchanges[0]?.resolve(answered());
    await Promise.all(sent);
  });

  test.each([
    "DEADLINE_TOO_SHORT",
    "DEADLINE_IN_QUEUE",
    "CALLER_LIMIT",
    "THROTTLED",
    "UNAVAILABLE",
  ] as const)(
    "a shared exchange rejected for its first call alone (%s) is sent in the name of the next",
    async (code) => {
      const made = held();
      const callers = ["a", "b", "c"].map((caller) => openRequest({ call: { caller } }));
      const [first, ...others] = callers.map((request) => made.send(request));
      made.exchanges[0]?.reject(new UpstreamError(code, ""));
      expect(first && (await upstreamErrorOf(first)).code).toBe(code);
      await nextTurn();
      expect(made.exchanges).toHaveLength(2);
      expect(made.exchanges[1]?.request.call.caller).toBe("b");
      made.exchanges[1]?.resolve(answered());
      expect((await Promise.all(others)).map(({ status }) => status)).toEqual([200, 200]);
    },
  );

  test("a shared exchange rejected for each call in turn ends", async () => {
    const made = held();
    const sent = Array.from({ length: 3 }, () => upstreamErrorOf(made.send(openRequest())));
    for (let count = 0; count < 3; count++) {
      made.exchanges[count]?.reject(new UpstreamError("DEADLINE_TOO_SHORT", ""));
      await nextTurn();
    }
    expect(await Promise.all(sent)).toHaveLength(3);
    expect(made.exchanges).toHaveLength(3);
  });

  test("the attempt log of every call has the exchange, and the name only of another call", async () => {
    const made = held();
    const first = openRequest();
    const second = openRequest();
    Object.assign(first.call.attemptLog, { caller: "spiffe://first" });
    const sent = [first, second].map((request) => made.send(request));
    const attemptLog = made.exchanges[0]?.request.call.attemptLog;
    if (attemptLog === undefined) throw new Error("nothing was sent");
    attemptLog.httpStatus = 200;
    attemptLog.credential = "gateway";
    made.exchanges[0]?.resolve(answered());
    await Promise.all(sent);
    expect(second.call.attemptLog).toEqual({
      attempts: 1,
      httpStatus: 200,
      credential: "gateway",
    });
    expect(first.call.attemptLog.attempts).toBe(1);
  });
});

const change = () =>
  openRequest({
    method: "DELETE",
    call: {
      rpc: {
        method: "DeleteKey",
        retry: "conditional",
        priority: "management",
        attemptTimeoutMs: 1_000,
      },
    },
  });

const drop = (sent: Promise<unknown>): void => void sent.catch(() => undefined);

describe("requests from before a change", () => {
  test("a change through one alias of an instance closes the shared requests of the others", async () => {
    const feeds = createChangeFeeds();
    const one = held({ changes: feeds.of("A1B2") });
    const same = held({ changes: feeds.of("a1b2") });
    const other = held({ changes: feeds.of("c3d4") });
    for (const made of [one, other]) drop(made.send(openRequest()));
    const changed = same.send(change());
    same.exchanges[0]?.resolve(answered());
    await changed;
    for (const made of [one, other]) drop(made.send(openRequest()));
    expect(one.exchanges).toHaveLength(2);
    expect(other.exchanges).toHaveLength(1);
  });

  test("a change that is safe to repeat closes shared requests, and a wrap does not", async () => {
    for (const [method, count] of [
      ["ScheduleKeyDeletion", 2],
      ["WrapKey", 1],
    ] as const) {
      const made = held();
      drop(made.send(openRequest()));
      const { rpc } = openRequest().call;
      const other = openRequest({ method: "POST", call: { rpc: { ...rpc, method } } });
      const sent = made.send(other);
      made.exchanges[1]?.resolve(answered());
      // oxlint-disable-next-line no-await-in-loop -- each case has its own layer
      await sent;
      drop(made.send(openRequest()));
      expect(made.exchanges).toHaveLength(1 + count);
    }
  });

  test("with joinUntil sent, a call joins a request that waits and none that was sent", () => {
    const made = held({ joinUntil: "sent" });
    drop(made.send(openRequest()));
    drop(made.send(openRequest()));
    expect(made.exchanges).toHaveLength(1);
    made.exchanges[0]?.request.onSent?.();
    drop(made.send(openRequest()));
    expect(made.exchanges).toHaveLength(2);
    // The older request is sent again. The newer one still waits.
    made.exchanges[0]?.request.onSent?.();
    drop(made.send(openRequest()));
    expect(made.exchanges).toHaveLength(2);
  });

  test("with joinUntil answered, a call joins a request that was sent", () => {
    const made = held();
    drop(made.send(openRequest()));
    made.exchanges[0]?.request.onSent?.();
    drop(made.send(openRequest()));
    expect(made.exchanges).toHaveLength(1);
  });
});

test("in any order of arrivals, ends and responses, every call settles once and correctly", async () => {
  const step = fc.oneof(
    fc.record({ kind: fc.constant("arrive" as const), path: fc.constantFrom("/a", "/b") }),
    fc.record({
      kind: fc.constant("end" as const),
      which: fc.nat({ max: 20 }),
      how: fc.constantFrom("cancelled" as const, "deadline" as const),
    }),
    fc.record({ kind: fc.constant("answer" as const), which: fc.nat({ max: 20 }) }),
  );
  await fc.assert(
    fc.asyncProperty(fc.array(step, { maxLength: 40 }), async (steps) => {
      const made = held();
      const calls: { end: (how: "cancelled" | "deadline") => void; ended?: string }[] = [];
      const results: Promise<string>[] = [];
      const settled = new Set<number>();
      for (const one of steps) {
        if (one.kind === "arrive") {
          const request = openRequest({ path: one.path });
          const index = calls.push({ end: (how) => request.end(how) }) - 1;
          results.push(
            made
              .send(request)
              .then(
                ({ body }) => body.toString(),
                (error: unknown) => (error instanceof UpstreamError ? error.code : "?"),
              )
              .finally(() => settled.add(index)),
          );
        } else if (one.kind === "end") {
          const call = calls[one.which];
          if (call !== undefined && call.ended === undefined && !settled.has(one.which)) {
            call.ended = one.how.toUpperCase();
            call.end(one.how);
          }
        } else {
          made.exchanges[one.which]?.resolve(answered());
        }
        await nextTurn();
      }
      for (const exchange of made.exchanges) exchange.resolve(answered());
      const all = await Promise.all(results);
      expect(all).toEqual(calls.map(({ ended }) => ended ?? "answer"));
      expect(made.exchanges.length).toBeLessThanOrEqual(calls.length);
    }),
    { numRuns: 500 },
  );
});

test("a shared request has its own signal, which ends with its last call and no other", async () => {
  const made = held();
  const signalOf = (index: number) => made.exchanges[index]?.request.call.signal;
  const first = made.send(openRequest());
  made.exchanges[0]?.resolve(answered());
  await first;
  const request = openRequest();
  const error = upstreamErrorOf(made.send(request));
  expect(signalOf(1)).not.toBe(signalOf(0));
  request.end("cancelled");
  await error;
  expect([signalOf(0)?.aborted, signalOf(1)?.aborted]).toEqual([false, true]);
});

test("a thousand identical requests through sockets reach the upstream once", async () => {
  let requests = 0;
  const server = createServer((_, response) => {
    requests += 1;
    setTimeout(() => response.end("shared"), 20);
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const address = server.address();
  const port = typeof address === "object" ? address?.port : undefined;
  const pool = createPool({
    origin: `http://127.0.0.1:${port}`,
    connections: 4,
    clock: systemClock,
  });
  try {
    const send = createLayer({ methods, changing, scope: "instance" })(
      createTransport({ pool, clock: systemClock }),
    );
    const first = openRequest();
    const left = upstreamErrorOf(send(first));
    const sent = Array.from({ length: 999 }, () => send(openRequest()));
    first.end("cancelled");
    expect((await left).code).toBe("CANCELLED");
    const answers = await Promise.all(sent);
    expect(answers.every(({ body }) => body.toString() === "shared")).toBe(true);
    expect(requests).toBe(1);
  } finally {
    await pool[Symbol.asyncDispose]();
    server.close();
  }
});
