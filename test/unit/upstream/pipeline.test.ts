import { pino } from "pino";
import { expect, test } from "vitest";
import { systemClock } from "../../../src/clock.ts";
import { pipeline } from "../../../src/upstream/layer.ts";
import type { Layer, Send } from "../../../src/upstream/layer.ts";
import { createUpstream } from "../../../src/upstream/pipeline.ts";
import { httpAnswer, startRawServer } from "./raw-server.ts";
import { openRequest, upstreamErrorOf } from "./requests.ts";

const answer: Send = () => Promise.resolve({ status: 200, headers: {}, body: Buffer.of() });

test("enters layers from the first to the last and leaves them in reverse", async () => {
  const trace: string[] = [];
  const named =
    (name: string): Layer =>
    (next) =>
    async (request) => {
      trace.push(`>${name}`);
      const response = await next(request);
      trace.push(`${name}<`);
      return response;
    };

  await pipeline([named("a"), named("b")], answer)(openRequest());

  expect(trace).toEqual([">a", ">b", "b<", "a<"]);
});

test("observes around the credential, and the credential is put on each exchange", async () => {
  await using server = await startRawServer((socket) => socket.write(httpAnswer("ok")));
  const trace: string[] = [];
  await using upstream = createUpstream({
    pool: { origin: server.origin },
    bearer: (next) => (request) => {
      trace.push("bearer");
      return next({ ...request, headers: { ...request.headers, authorization: "Bearer t" } });
    },
    meter: {
      upstreamStarted: () => void trace.push("started"),
      upstreamEnded: (operation, outcome) => void trace.push(`${operation} ${outcome}`),
    },
    logger: pino({ level: "silent" }),
    clock: systemClock,
  });

  await upstream.send(openRequest());

  expect(trace).toEqual(["started", "bearer", "GetKey 2xx"]);
  expect(server.requests[0]).toContain("authorization: Bearer t");
});

test("works without a credential, and not at all once closed", async () => {
  await using server = await startRawServer((socket) => socket.write(httpAnswer("ok")));
  const upstream = createUpstream({
    pool: { origin: server.origin },
    meter: { upstreamStarted: () => undefined, upstreamEnded: () => undefined },
    logger: pino({ level: "silent" }),
    clock: systemClock,
  });
  await upstream.send(openRequest());

  await upstream.close();

  expect(server.requests[0]).not.toContain("authorization");
  expect(await upstreamErrorOf(upstream.send(openRequest()))).toMatchObject({ code: "SHUTDOWN" });
});
