import * as grpc from "@grpc/grpc-js";
import { service as definition } from "grpc-health-check";
import { expect, test } from "vitest";
import { createHealth } from "../../../../src/grpc/server/health.ts";
import type { Health } from "../../../../src/grpc/server/health.ts";
import { eventually } from "../../../support/eventually.ts";

interface Fixture extends AsyncDisposable {
  readonly health: Health;
  check(service: string): Promise<unknown>;
  list(): Promise<unknown>;
  watch(service: string): Watch;
}

/** One Watch call: statuses in order, then how it ended. */
interface Watch extends AsyncIterator<string> {
  readonly ended: Promise<grpc.StatusObject>;
  cancel(): void;
  pause(): void;
  resume(): void;
  readonly seen: string[];
}

async function start(names: Record<string, boolean>, maxWatchers?: number): Promise<Fixture> {
  const health = createHealth({ names, ...(maxWatchers !== undefined && { maxWatchers }) });
  const server = new grpc.Server();
  server.addService(health.definition, health.implementation);
  const port = await new Promise<number>((resolve, reject) => {
    server.bindAsync("127.0.0.1:0", grpc.ServerCredentials.createInsecure(), (error, bound) =>
      error === null ? resolve(bound) : reject(error),
    );
  });
  const Client = grpc.makeGenericClientConstructor(definition, "Health");
  const client = new Client(`127.0.0.1:${port}`, grpc.credentials.createInsecure());
  const unary = (method: "Check" | "List", request: object): Promise<object> =>
    new Promise((resolve, reject) => {
      const { path, requestSerialize, responseDeserialize } = definition[method] ?? missing(method);
      client.makeUnaryRequest(
        path,
        requestSerialize,
        responseDeserialize,
        request,
        (error, response) => {
          if (error === null) resolve(response ?? {});
          else reject(error);
        },
      );
    });

  return {
    health,
    check: async (service): Promise<unknown> =>
      Reflect.get(await unary("Check", { service }), "status"),
    list: async (): Promise<unknown> => Reflect.get(await unary("List", {}), "statuses"),
    watch(service) {
      const { path, requestSerialize, responseDeserialize } =
        definition["Watch"] ?? missing("Watch");
      const stream = client.makeServerStreamRequest(
        path,
        requestSerialize,
        responseDeserialize,
        { service },
        new grpc.Metadata(),
      );
      const seen: string[] = [];
      const waiting: ((result: IteratorResult<string>) => void)[] = [];
      let taken = 0;
      const ended = new Promise<grpc.StatusObject>((resolve) => stream.on("status", resolve));
      stream.on("error", () => {});
      stream.on("data", ({ status }: { status: string }) => {
        seen.push(status);
        const next = waiting.shift();
        if (next !== undefined) next({ done: false, value: seen[taken++] ?? "" });
      });
      return {
        seen,
        ended,
        cancel: () => stream.cancel(),
        pause: () => void stream.pause(),
        resume: () => void stream.resume(),
        next: () =>
          new Promise((resolve) => {
            const value = seen[taken];
            if (value === undefined) waiting.push(resolve);
            else {
              taken += 1;
              resolve({ done: false, value });
            }
          }),
      };
    },
    async [Symbol.asyncDispose]() {
      client.close();
      server.forceShutdown();
    },
  };
}

function missing(method: string): never {
  throw new Error(`the health service has no ${method}`);
}

test("Check reports whether a name is serving", async () => {
  await using fixture = await start({ "": true, "a.A": true, readiness: false });

  expect(await fixture.check("")).toBe("SERVING");
  expect(await fixture.check("a.A")).toBe("SERVING");
  expect(await fixture.check("readiness")).toBe("NOT_SERVING");
});

test("Check answers NOT_FOUND for an unknown name, without repeating it", async () => {
  await using fixture = await start({ "": true });

  await expect(fixture.check("canary")).rejects.toMatchObject({
    code: grpc.status.NOT_FOUND,
    details: "no service of that name",
  });
});

test("List reports all names", async () => {
  await using fixture = await start({ "": true, readiness: false });

  expect(await fixture.list()).toEqual({
    "": { status: "SERVING" },
    readiness: { status: "NOT_SERVING" },
  });
});

test("Watch reports the status immediately, then each change once", async () => {
  await using fixture = await start({ readiness: false, other: true });
  const watch = fixture.watch("readiness");

  expect((await watch.next()).value).toBe("NOT_SERVING");
  fixture.health.setServing("readiness", false);
  fixture.health.setServing("other", false);
  fixture.health.setServing("readiness", true);
  expect((await watch.next()).value).toBe("SERVING");
  fixture.health.setServing("readiness", false);
  expect((await watch.next()).value).toBe("NOT_SERVING");
  expect(watch.seen).toEqual(["NOT_SERVING", "SERVING", "NOT_SERVING"]);
});

test("Watch of an unknown name reports SERVICE_UNKNOWN and stays open until shutdown", async () => {
  await using fixture = await start({ "": true });
  const watch = fixture.watch("unheard.Of");

  expect((await watch.next()).value).toBe("SERVICE_UNKNOWN");
  expect(fixture.health.watcherCount).toBe(1);
  fixture.health.shutdown();
  expect((await watch.ended).code).toBe(grpc.status.OK);
  expect(watch.seen).toEqual(["SERVICE_UNKNOWN"]);
});

test("a Watch whose caller leaves is removed", async () => {
  await using fixture = await start({ "": true });
  const watch = fixture.watch("");
  await watch.next();
  expect(fixture.health.watcherCount).toBe(1);

  watch.cancel();
  await eventually(() => fixture.health.watcherCount === 0);
  expect((await watch.ended).code).toBe(grpc.status.CANCELLED);
});

test("a Watch above the maximum is rejected, and the others continue", async () => {
  await using fixture = await start({ "": true }, 2);
  const [first, second] = [fixture.watch(""), fixture.watch("")];
  await Promise.all([first.next(), second.next()]);

  expect((await fixture.watch("").ended).code).toBe(grpc.status.RESOURCE_EXHAUSTED);
  expect(fixture.health.watcherCount).toBe(2);
  first.cancel();
  await eventually(() => fixture.health.watcherCount === 1);
  expect((await fixture.watch("").next()).value).toBe("SERVING");
});

test("shutdown reports NOT_SERVING to watchers and ends them", async () => {
  await using fixture = await start({ "": true, "a.A": true });
  const watches = [fixture.watch(""), fixture.watch("a.A")];
  await Promise.all(watches.map((watch) => watch.next()));

  fixture.health.shutdown();
  const ends = await Promise.all(watches.map((watch) => watch.ended));

  expect(ends.map((end) => end.code)).toEqual([grpc.status.OK, grpc.status.OK]);
  expect(watches.map((watch) => watch.seen)).toEqual([
    ["SERVING", "NOT_SERVING"],
    ["SERVING", "NOT_SERVING"],
  ]);
  expect(fixture.health.watcherCount).toBe(0);
});

test("after shutdown no name becomes SERVING, and a new Watch reports NOT_SERVING and ends", async () => {
  await using fixture = await start({ "": true });
  fixture.health.shutdown();
  fixture.health.setServing("", true);
  const watch = fixture.watch("");

  expect((await watch.ended).code).toBe(grpc.status.OK);
  expect(watch.seen).toEqual(["NOT_SERVING"]);
  expect(await fixture.check("")).toBe("NOT_SERVING");
  expect(fixture.health.isServing("")).toBe(false);
});

test("setServing throws for a name that is not in the options", () => {
  const health = createHealth({ names: { "": true } });

  expect(() => health.setServing("readines", true)).toThrow('no name "readines"');
});

test("a watcher that did not read receives only the newest status", async () => {
  await using fixture = await start({ "": true });
  const watch = fixture.watch("");
  await watch.next();
  watch.pause();
  const changes = 30_000;
  for (let change = 1; change <= changes; change += 1) {
    fixture.health.setServing("", change % 2 === 0);
    if (change % 100 === 0) await new Promise((resolve) => setImmediate(resolve));
  }
  watch.resume();
  fixture.health.shutdown();
  await watch.ended;

  // The statuses that fit into the buffers had been sent; later ones were skipped.
  expect(watch.seen.length).toBeLessThan(changes / 2);
  expect(watch.seen.at(-1)).toBe("NOT_SERVING");
  const repeated = watch.seen.filter((status, index) => status === watch.seen[index - 1]);
  expect(repeated).toEqual([]);
});
