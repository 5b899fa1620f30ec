import { createServer, connect, type ServerHttp2Session } from "node:http2";
import { once } from "node:events";
import type { AddressInfo } from "node:net";
import * as fc from "fast-check";
import { expect, test } from "vitest";
import {
  replaceStreamTables,
  StreamMap,
  StreamSet,
} from "../../../../../src/grpc/server/connections/session-tables.ts";

type Change = readonly ["set" | "delete" | "clear", number];

const changes = fc.array(
  fc.tuple(
    fc.constantFrom("set" as const, "set" as const, "delete" as const, "clear" as const),
    fc.integer({ min: 1, max: 12 }),
  ),
  { maxLength: 60 },
);

test("a map of streams holds what a map holds after the same changes, in the order of the IDs", () => {
  fc.assert(
    fc.property(changes, (made: readonly Change[]) => {
      const map = new Map<number, string>();
      const streams = new StreamMap<string>();
      for (const [at, [change, id]] of made.entries()) {
        if (change === "set") expect(streams.set(id, `s${at}`)).toBe(streams);
        if (change === "set") map.set(id, `s${at}`);
        if (change === "delete") expect(streams.delete(id)).toBe(map.delete(id));
        if (change === "clear") for (const each of [map, streams]) each.clear();
        expect(streams.size).toBe(map.size);
        expect([streams.get(id), streams.has(id)]).toEqual([map.get(id), map.has(id)]);
      }
      const sorted = [...map].toSorted(([one], [other]) => one - other);
      expect([...streams]).toEqual(sorted);
      expect([...streams.entries()]).toEqual(sorted);
      expect([...streams.keys()]).toEqual(sorted.map(([id]) => id));
      expect([...streams.values()]).toEqual(sorted.map(([, stream]) => stream));
    }),
  );
});

test("a set of streams holds what a set holds after the same changes", () => {
  fc.assert(
    fc.property(changes, (made: readonly Change[]) => {
      const set = new Set<number>();
      const streams = new StreamSet<number>();
      for (const [change, stream] of made) {
        if (change === "set") expect(streams.add(stream)).toBe(streams);
        if (change === "set") set.add(stream);
        if (change === "delete") expect(streams.delete(stream)).toBe(set.delete(stream));
        if (change === "clear") for (const each of [set, streams]) each.clear();
        expect([streams.size, streams.has(stream)]).toEqual([set.size, set.has(stream)]);
      }
      expect([...streams]).toEqual([...set]);
      expect([...streams.entries()]).toEqual([...set.entries()]);
      expect([...streams.keys()]).toEqual([...set]);
    }),
  );
});

test("every stream is visited once when each one leaves its table while it is visited", () => {
  const map = new StreamMap<string>().set(3, "c").set(1, "a").set(2, "b");
  const visited: string[] = [];
  map.forEach((stream, id) => {
    visited.push(stream);
    map.delete(id);
  });
  const set = new StreamSet<string>().add("x").add("y").add("z");
  set.forEach((stream) => {
    visited.push(stream);
    set.delete(stream);
  });
  expect(visited).toEqual(["a", "b", "c", "x", "y", "z"]);
  expect([map.size, set.size]).toEqual([0, 0]);
});

/** Opens a session to a server of Node and hands over the server's side, before it has streams. */
async function onSession(look: (session: ServerHttp2Session) => void): Promise<number> {
  const server = createServer();
  server.on("session", look);
  server.on("stream", (stream) => stream.respond({ ":status": 204 }, { endStream: true }));
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- a TCP server has a port
  const client = connect(`http://127.0.0.1:${(server.address() as AddressInfo).port}`);
  const [headers] = await once(client.request({ ":path": "/" }), "response");
  client.destroy();
  server.close();
  return headers[":status"];
}

test("a session of this Node gets new tables, and serves", async () => {
  let isReplaced: boolean | undefined;
  expect(await onSession((session) => (isReplaced = replaceStreamTables(session)))).toBe(204);
  expect(isReplaced).toBe(true);
});

test("a session of a release that is not known keeps its tables", async () => {
  let isReplaced: boolean | undefined;
  const look = (session: ServerHttp2Session): void => {
    isReplaced = replaceStreamTables(session, "99.0.0");
  };
  expect(await onSession(look)).toBe(204);
  expect(isReplaced).toBe(false);
});

test("an object without the tables, or with streams in them, is left alone", () => {
  const state = Symbol("state");
  const used = { [state]: { streams: new Map([[1, "a"]]), pendingStreams: new Set() } };
  const pending = { [state]: { streams: new Map(), pendingStreams: new Set(["a"]) } };
  const others = [{}, { [state]: 1 }, { [state]: { streams: {}, pendingStreams: new Set() } }];
  const left = [used, pending, ...others].map((session) => replaceStreamTables(session));
  expect(left).toEqual([false, false, false, false, false]);
  expect(used[state].streams.get(1)).toBe("a");
});
