/** Pages that are read in pieces. */
import { describe, expect, test } from "vitest";
import { createKeyProtectClient } from "../../../src/keyprotect/client.ts";
import { CallEnded, CallLifetime } from "../../../src/platform/call-signal.ts";
import { createPieceQueue } from "../../../src/platform/pieces/piece-queue.ts";
import { call, instanceId, keyProtectErrorOf, keys, toResponse } from "./fake-upstream.ts";

const resourceOf = (at: number) => ({
  id: `00000000-0000-4000-8000-${String(at).padStart(12, "0")}`,
  name: `key ${at}`,
});
const thousand = Array.from({ length: 1_000 }, (_, at) => resourceOf(at));

/** A page of about 985,000 bytes. */
const described = thousand.map((key) => ({ ...key, description: "x".repeat(900) }));

/** A client of an upstream that answers each request with these keys, and what it does in order. */
function createClient(resources: readonly object[], onTurn: (turns: number) => void = () => {}) {
  const bodies: Buffer[] = [];
  let turns = 0;
  const pieces = createPieceQueue({
    priorities: ["interactive"],
    nextTurn: (callback) =>
      setImmediate(() => {
        turns += 1;
        onTurn(turns);
        callback();
      }),
  });
  const client = createKeyProtectClient({
    send: async () => {
      const response = toResponse({ status: 200, body: keys(...resources) });
      bodies.push(response.body);
      return response;
    },
    dialect: "current",
    instanceId,
    pieces,
  });
  return { client, turns: () => turns, bodies };
}

const window = { limit: 1_000, offset: 0 };

describe("a page that is read in pieces", () => {
  test("a page of 1,000 keys has all keys in their order, after a turn for each 64", async () => {
    const { client, turns } = createClient(thousand);
    const page = await client.listKeys(call, window);
    expect(page.keys.map(({ name }) => name)).toEqual(thousand.map(({ name }) => name));
    expect(turns()).toBe(16);
  });

  test("a page of 64 keys is read at once", async () => {
    const { client, turns } = createClient(thousand.slice(0, 64));
    expect((await client.listKeys(call, window)).keys).toHaveLength(64);
    expect(turns()).toBe(0);
  });

  test("a key that is wrong in a later piece fails the page, and the work ends there", async () => {
    const { client, turns } = createClient(thousand.with(300, { id: "no UUID", name: "wrong" }));
    const error = await keyProtectErrorOf(client.listKeys(call, window));
    expect(error.code).toBe("BAD_RESPONSE");
    expect(turns()).toBeLessThan(10);
  });

  test("the keys of a page of 64 KiB and more are decoded in the turns in which they are parsed", async () => {
    const { client, turns } = createClient(described);
    const page = await client.listKeys(call, window);
    expect(page.keys.map(({ name }) => name)).toEqual(thousand.map(({ name }) => name));
    expect(page.keys.every(({ description }) => description?.length === 900)).toBe(true);
    expect(turns()).toBe(15);
  });

  test("the memory of a long page's body is freed once it is read, also if a key is wrong", async () => {
    const good = createClient(described);
    await good.client.listKeys(call, window);
    const bad = createClient(
      described.with(700, { id: "no UUID", name: "wrong", description: "" }),
    );
    await keyProtectErrorOf(bad.client.listKeys(call, window));
    expect([...good.bodies, ...bad.bodies].map(({ length }) => length)).toEqual([0, 0]);
  });

  test.each([
    ["first", 0],
    ["700th", 700],
    ["last", 999],
  ])("a long page whose %s key is wrong fails with its error", async (_, at) => {
    const { client } = createClient(
      described.with(at, { id: "no UUID", name: "wrong", description: "" }),
    );
    const error = await keyProtectErrorOf(client.listKeys(call, window));
    expect(error).toMatchObject({ code: "BAD_RESPONSE", message: expect.stringContaining("UUID") });
  });

  test("a long page with more keys than requested is refused", async () => {
    const { client } = createClient(described);
    const error = await keyProtectErrorOf(client.listKeys(call, { limit: 999, offset: 0 }));
    expect(error.message).toContain("more entries than requested");
  });

  test("a call that ends between two pieces does no further work", async () => {
    const lifetime = new CallLifetime();
    const { client, turns } = createClient(thousand, (count) => {
      if (count === 5) lifetime.end(new CallEnded("deadline"), () => {});
    });
    const page = client.listKeys({ ...call, signal: lifetime }, window);
    await expect(page).rejects.toEqual(new CallEnded("deadline"));
    expect(turns()).toBe(5);
  });

  test("timers fire and data arrives between the pieces of a page", async () => {
    const events: string[] = [];
    const { client } = createClient(thousand, (count) => events.push(`piece ${count}`));
    const page = client.listKeys(call, window).then(() => events.push("page"));
    setTimeout(() => events.push("timer"), 0);
    await page;
    expect(events).toContain("timer");
    expect(events.indexOf("timer")).toBeLessThan(events.indexOf("page"));
    expect(events.indexOf("timer")).toBeLessThan(10);
  });
});
