/** Sends events to the pages that are open: server-sent events over plain HTTP. */
import type { ServerResponse } from "node:http";
import { rounded } from "../observability/state.ts";

/** The pages that are open. */
export interface EventStreams {
  /**
   * Takes over a response and sends its first event. Returns `false`, without having touched the
   * response, if there are too many pages already.
   */
  open(response: ServerResponse, instance: string, first: () => string): boolean;
  /**
   * Sends an event to every page; `textOf` makes the text for pages that show the given instance.
   * A page that has not read the events before for some seconds is dropped.
   */
  publish(textOf: (instance: string) => string): void;
  /** Ends all streams. The pages try to connect again by themselves. */
  close(): void;
  /** Number of pages that are open. */
  readonly count: number;
}

/** Formats an event. The data is JSON, so it has no line breaks. Numbers are as in `/state`. */
export const formatEvent = (name: string, data: unknown): string =>
  `event: ${name}\ndata: ${JSON.stringify(data, rounded)}\n\n`;

interface Stream {
  readonly response: ServerResponse;
  readonly instance: string;
  /** Events in a row that found the ones before unread. */
  late: number;
}

/** Each page costs one connection of the admin listener, which has 64. */
const mostStreams = 8;
/** Events, one a second, that may wait for a slow page. */
const mostLate = 10;
/** Asks the browser to connect again after this time. */
const retryMs = 1_500;

/** Creates an empty list of pages. */
export function createEventStreams(headers: Readonly<Record<string, string>>): EventStreams {
  const streams = new Set<Stream>();
  return {
    open(response, instance, first) {
      if (streams.size >= mostStreams) return false;
      const stream = { response, instance, late: 0 };
      streams.add(stream);
      response.on("close", () => streams.delete(stream));
      response.writeHead(200, { ...headers, "content-type": "text/event-stream; charset=utf-8" });
      response.write(`retry: ${retryMs}\n\n${first()}`);
      return true;
    },
    publish(textOf) {
      const texts = new Map<string, string>();
      for (const stream of streams) {
        stream.late = stream.response.writableNeedDrain ? stream.late + 1 : 0;
        if (stream.late > mostLate) {
          stream.response.destroy();
          continue;
        }
        const text = texts.get(stream.instance) ?? textOf(stream.instance);
        texts.set(stream.instance, text);
        stream.response.write(text);
      }
    },
    close() {
      for (const { response } of streams) response.end();
      streams.clear();
    },
    get count() {
      return streams.size;
    },
  };
}
