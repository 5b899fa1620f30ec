import { once } from "node:events";
import { createServer, get, type IncomingMessage } from "node:http";
import type { AddressInfo } from "node:net";
import { describe, expect, test } from "vitest";
import { createEventStreams, formatEvent } from "../../../src/console/events.ts";

/** A server whose every request becomes a stream, if there is room. */
async function serve() {
  const streams = createEventStreams({ "x-test": "1" });
  const server = createServer((request, response) => {
    if (streams.open(response, request.url ?? "", () => formatEvent("history", {}))) return;
    response.writeHead(503).end();
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- it listens on TCP
  const { port } = server.address() as AddressInfo;
  const open = async (path = "/default"): Promise<IncomingMessage> => {
    const request = get({ host: "127.0.0.1", port, path, agent: false });
    // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- this event has one argument
    const [response] = (await once(request, "response")) as [IncomingMessage];
    response.on("error", () => {});
    return response;
  };
  return {
    streams,
    open,
    async [Symbol.asyncDispose]() {
      server.closeAllConnections();
      server.close();
      await once(server, "close");
    },
  };
}

const textUntil = async (response: IncomingMessage, part: string): Promise<string> => {
  let text = "";
  response.setEncoding("utf8");
  while (!text.includes(part)) {
    const [chunk] = await once(response, "data");
    text += String(chunk);
  }
  return text;
};

describe("the events of the console", () => {
  test("a page gets its headers, the time to connect again and the first event at once", async () => {
    await using server = await serve();

    const response = await server.open();

    expect(response.headers["content-type"]).toBe("text/event-stream; charset=utf-8");
    expect(response.headers["x-test"]).toBe("1");
    expect(await textUntil(response, "{}")).toBe("retry: 1500\n\nevent: history\ndata: {}\n\n");
  });

  test("each page gets the events of the instance that it shows", async () => {
    await using server = await serve();
    const [first, second] = [await server.open("/a"), await server.open("/b")];

    server.streams.publish((instance) => formatEvent("sample", { instance }));

    expect(await textUntil(first, "sample")).toContain('data: {"instance":"/a"}\n\n');
    expect(await textUntil(second, "sample")).toContain('data: {"instance":"/b"}\n\n');
  });

  test("a ninth page is refused, and has room when another one is closed", async () => {
    await using server = await serve();
    const pages = await Promise.all(Array.from({ length: 8 }, () => server.open()));

    expect((await server.open()).statusCode).toBe(503);
    expect(server.streams.count).toBe(8);
    pages[0]?.destroy();
    await expect.poll(() => server.streams.count).toBe(7);
    expect((await server.open()).statusCode).toBe(200);
  });

  test("a page that does not read its events is dropped, and the others are not", async () => {
    await using server = await serve();
    const slow = await server.open();
    slow.pause();
    const quick = await server.open();
    quick.resume();
    const closed = new Promise((resolve) => slow.on("close", resolve));
    const large = formatEvent("sample", "x".repeat(1_000_000));

    await expect
      .poll(
        () => {
          server.streams.publish(() => large);
          return server.streams.count;
        },
        { interval: 20, timeout: 15_000 },
      )
      .toBe(1);

    slow.resume();
    await closed;
    expect(quick.destroyed).toBe(false);
  });

  test("closing ends every stream", async () => {
    await using server = await serve();
    const page = await server.open();
    page.resume();
    const ended = once(page, "end");

    server.streams.close();

    await ended;
    expect(server.streams.count).toBe(0);
  });

  test("numbers of an event are rounded as in /state", () => {
    expect(formatEvent("sample", { rate: 1 / 3 })).toBe('event: sample\ndata: {"rate":0.333}\n\n');
  });
});
