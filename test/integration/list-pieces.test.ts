/** Large pages beside other calls, over sockets. */
import { once } from "node:events";
import { createServer, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { describe, expect, test } from "vitest";
import { allKeys, listKeysRequest } from "../support/requests.ts";
import { startTestGateway, type TestGateway } from "../support/start-gateway.ts";

const pages = 8;
const type = "application/vnd.ibm.kms.key+json";

const keyAt = (at: number) => ({
  type,
  id: `00000000-0000-4000-8000-${String(at).padStart(12, "0")}`,
  name: `key ${at}`,
  description: "one of a thousand",
  extractable: false,
  state: 1,
  creationDate: "2026-11-29T10:11:12Z",
  lastUpdateDate: "2026-11-29T10:11:12Z",
  tags: ["orders", "europe"],
  keyRingID: "default",
});
const thousand = Array.from({ length: 1_000 }, (_, at) => keyAt(at));

/** A Key Protect that holds its answers until all pages and the count have been asked for. */
async function startHolding(resources: readonly object[]) {
  const held: { lists: ServerResponse[]; counts: ServerResponse[] } = { lists: [], counts: [] };
  const metadata = { collectionType: type, collectionTotal: resources.length };
  const page = JSON.stringify({ metadata, resources });
  const server = createServer((request, response) => {
    held[request.method === "HEAD" ? "counts" : "lists"].push(response);
    if (held.lists.length < pages || held.counts.length === 0) return;
    for (const list of held.lists) list.writeHead(200, { "key-total": "1000" }).end(page);
    for (const count of held.counts) count.writeHead(200, { "key-total": "1000" }).end();
  });
  await once(server.listen(0, "127.0.0.1"), "listening");
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- a server on TCP has an address
  const { port } = server.address() as AddressInfo;
  return {
    url: `http://127.0.0.1:${port}`,
    [Symbol.asyncDispose]: async () => {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}

const start = (url: string): Promise<TestGateway> =>
  startTestGateway({ env: { KP_SERVICE_URL: url, GATEWAY_COALESCE_READS: "false" } });

/** Asks for all pages and for the count at once; returns the names in each page, and the count. */
async function askAll(gateway: TestGateway): Promise<{ names: string[][]; count: number }> {
  const { keys: client } = gateway.clients;
  const lists = Array.from({ length: pages }, async () => {
    const page = await gateway.call(client, "listKeys", listKeysRequest({ pageSize: 1_000 }));
    return page.keys.map(({ name }) => name);
  });
  const count = gateway.call(client, "countKeys", allKeys);
  return { names: await Promise.all(lists), count: (await count).totalSize };
}

describe("pages of 1,000 keys", () => {
  test("eight pages that arrive at once have all their keys in order, and a count beside them is right", async () => {
    await using upstream = await startHolding(thousand);
    await using gateway = await start(upstream.url);
    const { names, count } = await askAll(gateway);
    expect(count).toBe(1_000);
    expect(names).toHaveLength(pages);
    for (const page of names) expect(page).toEqual(thousand.map(({ name }) => name));
  }, 30_000);

  test("a page whose last key is wrong fails with BAD_RESPONSE's reason", async () => {
    await using upstream = await startHolding(thousand.with(999, { ...keyAt(999), id: "no UUID" }));
    await using gateway = await start(upstream.url);
    await expect(askAll(gateway)).rejects.toMatchObject({ code: 13 });
  }, 30_000);
});
