/**
 * Pages over the key list, which the service reads by offset, while others create and delete keys.
 */
import * as fc from "fast-check";
import { describe, expect, test } from "vitest";
import type { Emulator } from "../../src/emulator/emulator.ts";
import { defaultInstanceId } from "../../src/emulator/options.ts";
import type { ListKeysResponse } from "../../src/gen/keyprotect/v1/keys_service.ts";
import { isJsonObject } from "../../src/emulator/api/json-fields.ts";
import { createKeyId, deleteKeyRequest, listKeysRequest } from "../support/requests.ts";
import { startTestGateway, type TestGateway } from "../support/start-gateway.ts";

/** Calls the service directly and not through the gateway, like other clients of the instance. */
async function createDirectly(emulator: Emulator): Promise<{
  create: (count: number) => Promise<string[]>;
  remove: (keyId: string) => Promise<void>;
}> {
  const [user] = emulator.users;
  if (user === undefined) throw new Error("the emulator has no user");
  const type = "application/vnd.ibm.kms.key+json";
  const headers = {
    authorization: `Bearer ${emulator.tokens.issue(user).accessToken}`,
    "bluemix-instance": emulator.instanceId,
    "content-type": type,
  };
  const body = JSON.stringify({
    metadata: { collectionType: type, collectionTotal: 1 },
    resources: [{ type, name: "listed", extractable: false }],
  });
  const createOne = async (): Promise<string> => {
    const answer = await fetch(`${emulator.url}/api/v2/keys`, { method: "POST", headers, body });
    const { resources }: { resources: { id: string }[] } = JSON.parse(await answer.text());
    return resources[0]?.id ?? "";
  };
  return {
    create: async (count) => {
      const ids: string[] = [];
      for (let at = 0; at < count; at += 1) {
        ids.push(await createOne());
      }
      // Lists are ordered by ID.
      return ids.toSorted();
    },
    remove: async (keyId) => {
      await fetch(`${emulator.url}/api/v2/keys/${keyId}`, { method: "DELETE", headers });
    },
  };
}

/** Reads all pages from the first on, and runs a step after each. */
async function readAll(
  gateway: TestGateway,
  pageSize: number,
  afterPage: (page: number) => Promise<void> = async () => {},
): Promise<readonly string[][]> {
  const pages: string[][] = [];
  let pageToken = "";
  do {
    const page = await gateway.call(
      gateway.clients.keys,
      "listKeys",
      listKeysRequest({ pageSize, pageToken }),
    );
    pages.push(idsOf(page));
    pageToken = page.nextPageToken;
    await afterPage(pages.length);
  } while (pageToken !== "");
  return pages;
}

/** A list of keys with its first `cap` keys alone. Its `collectionTotal` is kept, or corrected. */
function cutBody(body: unknown, cap: number, isTotalKept: boolean): unknown {
  if (!isJsonObject(body) || !isJsonObject(body["metadata"]) || !Array.isArray(body["resources"])) {
    return body;
  }
  const resources: unknown[] = body["resources"].slice(0, cap);
  const { collectionTotal } = body["metadata"];
  const total = isTotalKept ? collectionTotal : resources.length;
  return { ...body, metadata: { ...body["metadata"], collectionTotal: total }, resources };
}

const idsOf = (page: ListKeysResponse): string[] => page.keys.map(({ id }) => id);

describe.each(["current", "2019"] as const)("in the dialect %s", (dialect) => {
  test("pages of keys have the requested size and contain each key once and in order", async () => {
    await using gateway = await startTestGateway({ dialect });
    const { create } = await createDirectly(gateway.emulator);
    const ids = await create(11);
    expect((await readAll(gateway, 4)).map((page) => page.length)).toEqual([4, 4, 3]);
    expect((await readAll(gateway, 4)).flat()).toEqual(ids);
    expect((await readAll(gateway, 1)).flat()).toEqual(ids);
    expect(await readAll(gateway, 11)).toEqual([ids]);
    expect(await readAll(gateway, 0)).toEqual([ids]);
    // A page size above the maximum gives pages of the maximum size.
    expect(await readAll(gateway, 2_000_000_000)).toEqual([ids]);
    expect(gateway.upstreamRequests().at(-1)).toBe("GET /api/v2/keys?limit=1001&offset=0");
  });

  test("the key list of an empty instance is one empty page", async () => {
    await using gateway = await startTestGateway({ dialect });
    expect(await readAll(gateway, 10)).toEqual([[]]);
  });

  test("skip omits keys on the first page and after a page token", async () => {
    await using gateway = await startTestGateway({ dialect });
    const { keys } = gateway.clients;
    const { create } = await createDirectly(gateway.emulator);
    const ids = await create(9);
    const first = await gateway.call(keys, "listKeys", listKeysRequest({ pageSize: 2, skip: 3 }));
    expect(idsOf(first)).toEqual(ids.slice(3, 5));
    const second = await gateway.call(
      keys,
      "listKeys",
      listKeysRequest({ pageSize: 2, skip: 1, pageToken: first.nextPageToken }),
    );
    expect(idsOf(second)).toEqual(ids.slice(6, 8));
    const third = await gateway.call(
      keys,
      "listKeys",
      listKeysRequest({ pageSize: 2, pageToken: second.nextPageToken }),
    );
    expect(idsOf(third)).toEqual(ids.slice(8));
    expect(third.nextPageToken).toBe("");
    const beyond = await gateway.call(keys, "listKeys", listKeysRequest({ skip: 9 }));
    expect(beyond).toEqual({
      keys: [],
      nextPageToken: "",
      totalSize: undefined,
      incomplete: false,
    });
  });

  test("keys deleted and created between pages make no other key missing or repeated", async () => {
    await using gateway = await startTestGateway({ dialect });
    const { create, remove } = await createDirectly(gateway.emulator);
    const ids = await create(10);
    const pages = await readAll(gateway, 3, async (page) => {
      if (page !== 1) return;
      await remove(ids[0] ?? "");
      await remove(ids[1] ?? "");
      await create(4);
    });
    const seen = pages.flat();
    expect(seen.filter((id) => ids.includes(id))).toEqual(ids);
    expect(new Set(seen).size).toBe(seen.length);
  });

  test("a list whose last seen key is gone continues with the key behind it", async () => {
    await using gateway = await startTestGateway({ dialect });
    const { keys } = gateway.clients;
    const { create } = await createDirectly(gateway.emulator);
    const ids = await create(6);
    const first = await gateway.call(keys, "listKeys", listKeysRequest({ pageSize: 3 }));
    await gateway.call(keys, "deleteKey", deleteKeyRequest(ids[2] ?? ""));
    const second = await gateway.call(
      keys,
      "listKeys",
      listKeysRequest({ pageSize: 3, pageToken: first.nextPageToken }),
    );
    expect([idsOf(second), second.nextPageToken]).toEqual([ids.slice(3), ""]);
  });

  test("a job that deletes each page before it asks for the next one deletes all keys", async () => {
    await using gateway = await startTestGateway({ dialect });
    const { create, remove } = await createDirectly(gateway.emulator);
    const ids = await create(11);
    let deleted: string[] = [];
    let pageToken = "";
    do {
      // oxlint-disable-next-line no-await-in-loop -- each page follows from the one before
      const page = await gateway.call(
        gateway.clients.keys,
        "listKeys",
        listKeysRequest({ pageSize: 3, pageToken }),
      );
      // oxlint-disable-next-line no-await-in-loop -- the page is deleted before the next is read
      await Promise.all(idsOf(page).map(remove));
      deleted = [...deleted, ...idsOf(page)];
      pageToken = page.nextPageToken;
    } while (pageToken !== "");
    expect(deleted).toEqual(ids);
  });

  test("a list whose last seen key and the one behind it are gone gets LIST_CHANGED", async () => {
    await using gateway = await startTestGateway({ dialect });
    const { keys } = gateway.clients;
    const { create } = await createDirectly(gateway.emulator);
    const ids = await create(6);
    const first = await gateway.call(keys, "listKeys", listKeysRequest({ pageSize: 3 }));
    for (const id of ids.slice(2, 4)) {
      // oxlint-disable-next-line no-await-in-loop -- in the order of the list
      await gateway.call(keys, "deleteKey", deleteKeyRequest(id));
    }
    const failure = await gateway.failure(
      keys,
      "listKeys",
      listKeysRequest({ pageSize: 3, pageToken: first.nextPageToken }),
    );
    expect(failure).toMatchObject({ code: "ABORTED", reason: "LIST_CHANGED" });
    expect((await readAll(gateway, 3)).flat()).toEqual([...ids.slice(0, 2), ...ids.slice(4)]);
  });

  const cap = 4;
  /** Cuts an answer of Key Protect to `cap` keys, and sets or removes its totals. */
  const capped = (totals: { readonly isTotalKept: boolean; readonly keyTotal: string }) => ({
    match: { operation: "getKeys" },
    action: {
      kind: "rewrite" as const,
      headers: { "Key-Total": totals.keyTotal },
      patch: (body: unknown): unknown => cutBody(body, cap, totals.isTotalKept),
    },
  });

  test.each([
    ["whose totals count the whole list", { isTotalKept: false, keyTotal: "11" }],
    ["whose body says that keys are missing", { isTotalKept: true, keyTotal: "" }],
    ["whose totals count the page alone", { isTotalKept: false, keyTotal: "" }],
  ])("an upstream that caps pages at 4 keys and %s is listed to its end", async (_, totals) => {
    await using gateway = await startTestGateway({ dialect });
    const { create } = await createDirectly(gateway.emulator);
    const ids = await create(11);
    gateway.emulator.faults.add(capped(totals));
    for (const pageSize of [2, 5, 100]) {
      // oxlint-disable-next-line no-await-in-loop -- one list at a time
      expect((await readAll(gateway, pageSize)).flat()).toEqual(ids);
    }
  });

  test("an upstream that says that keys follow and gives none fails the list", async () => {
    await using gateway = await startTestGateway({ dialect });
    const { keys } = gateway.clients;
    const { create } = await createDirectly(gateway.emulator);
    await create(2);
    gateway.emulator.faults.add({
      match: { operation: "getKeys" },
      action: { kind: "rewrite", patch: { metadata: { collectionTotal: 2_500 } } },
    });
    const first = await gateway.call(keys, "listKeys", listKeysRequest());
    expect(first.keys).toHaveLength(2);
    const failure = await gateway.failure(
      keys,
      "listKeys",
      listKeysRequest({ pageToken: first.nextPageToken }),
    );
    expect(failure).toMatchObject({ code: "INTERNAL", reason: "UPSTREAM_BAD_RESPONSE" });
    expect(await gateway.metrics()).toMatch(/anomalies_total\{kind="short_page"\} [1-9]/);
  });
});

test("a key that stays is listed exactly once despite changes between pages, or the list gets LIST_CHANGED", async () => {
  const step = fc.record({
    removals: fc.array(fc.nat(), { maxLength: 3 }),
    creations: fc.nat({ max: 2 }),
  });
  await using gateway = await startTestGateway();
  const { emulator } = gateway;
  let ended = { complete: 0, changed: 0 };
  await fc.assert(
    fc.asyncProperty(
      fc.integer({ min: 1, max: 14 }),
      fc.integer({ min: 1, max: 5 }),
      fc.array(step, { maxLength: 6 }),
      async (count, pageSize, steps) => {
        const direct = await createDirectly(emulator);
        const present = new Set(await direct.create(count));
        const staying = new Set(present);
        const everThere = new Set(present);
        const seen: string[] = [];
        let pageToken = "";
        let isChanged = false;
        for (let page = 0; ; page += 1) {
          const { error, response } = await gateway.outcome(
            gateway.clients.keys,
            "listKeys",
            listKeysRequest({ pageSize, pageToken }),
          );
          if (error !== null) {
            expect(error.code).toBe(10);
            isChanged = true;
            break;
          }
          seen.push(...(response?.keys ?? []).map(({ id }) => id));
          pageToken = response?.nextPageToken ?? "";
          if (pageToken === "") break;
          for (const at of steps[page]?.removals ?? []) {
            const id = [...present][at % Math.max(1, present.size)];
            if (id === undefined) continue;
            await direct.remove(id);
            present.delete(id);
            staying.delete(id);
          }
          for (const id of await direct.create(steps[page]?.creations ?? 0)) {
            present.add(id);
            everThere.add(id);
          }
        }
        expect(new Set(seen).size).toBe(seen.length);
        expect(seen.every((id) => everThere.has(id))).toBe(true);
        if (!isChanged) expect([...staying].filter((id) => !seen.includes(id))).toEqual([]);
        ended = isChanged
          ? { ...ended, changed: ended.changed + 1 }
          : { ...ended, complete: ended.complete + 1 };
        for (const id of present) await direct.remove(id);
      },
    ),
    { numRuns: 25, seed: 20_190_714, endOnFailure: true },
  );
  // A gateway that always gave up would pass the checks above.
  expect(ended.complete).toBeGreaterThan(ended.changed);
}, 60_000);

test("a page token is valid only unchanged, and only for its instance and list", async () => {
  const other = "e0a1b2c3-0000-4000-8000-000000000002";
  await using gateway = await startTestGateway({
    emulator: { instanceIds: [defaultInstanceId, other] },
    env: {
      GATEWAY_CONFIG: "/gateway.yaml",
      KP_SERVICE_URL: "",
      KP_INSTANCE_ID: "",
      KP_API_DIALECT: "",
    },
    files: (emulator) => ({
      "/gateway.yaml": `
instances:
  - { alias: one, serviceUrl: "${emulator.url}", instanceId: ${defaultInstanceId} }
  - { alias: two, serviceUrl: "${emulator.url}", instanceId: ${other} }
defaultInstance: one
`,
    }),
  });
  const { keys, lockers } = gateway.clients;
  for (const instance of ["one", "two"]) {
    for (let at = 0; at < 3; at += 1) {
      await createKeyId(gateway, {}, { "x-kp-instance": instance });
    }
  }
  const { nextPageToken } = await gateway.call(keys, "listKeys", listKeysRequest({ pageSize: 2 }));
  const before = gateway.upstreamRequests().length;
  const failures = [
    await gateway.failure(keys, "listKeys", listKeysRequest({ pageToken: nextPageToken }), {
      metadata: { "x-kp-instance": "two" },
    }),
    await gateway.failure(
      keys,
      "listKeys",
      listKeysRequest({ pageToken: nextPageToken.toLowerCase() }),
    ),
    await gateway.failure(keys, "listKeys", listKeysRequest({ pageToken: "2" })),
    await gateway.failure(lockers, "listLockers", { pageSize: 0, pageToken: nextPageToken }),
  ];
  for (const failure of failures) {
    expect(failure).toMatchObject({ code: "INVALID_ARGUMENT", reason: "PAGE_TOKEN_INVALID" });
    expect(failure.badRequest?.fieldViolations).toMatchObject([{ field: "page_token" }]);
  }
  expect(gateway.upstreamRequests()).toHaveLength(before);
  const rest = await gateway.call(keys, "listKeys", listKeysRequest({ pageToken: nextPageToken }));
  expect(rest.keys).toHaveLength(1);
});
