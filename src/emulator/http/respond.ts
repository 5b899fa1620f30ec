/** Sends answers, correct ones and ones that a fault has changed. */
import type { OutgoingHttpHeaders, ServerResponse } from "node:http";
import type { Answer } from "../api/route.ts";
import type { FaultAction } from "../control/faults.ts";
import { isJsonObject } from "../api/json-fields.ts";

/** A serialized answer. */
export interface Reply {
  readonly status: number;
  readonly headers: OutgoingHttpHeaders;
  readonly body: Buffer;
}

const empty = Buffer.alloc(0);

/** Serializes an answer. */
export function toReply(answer: Answer): Reply {
  const { status, body } = answer;
  const headers: OutgoingHttpHeaders = { ...answer.headers };
  if (body === undefined) return { status, headers, body: empty };
  headers["Content-Type"] = answer.mediaType ?? "application/json";
  const text = typeof body === "string" ? body : JSON.stringify(body);
  return { status, headers, body: Buffer.from(text) };
}

/** Sends a reply with a Content-Length. */
export function sendReply(response: ServerResponse, { status, headers, body }: Reply): void {
  if (status !== 204) headers["Content-Length"] = body.length;
  response.writeHead(status, headers).end(body);
}

/** Applies a JSON merge patch (RFC 7396). */
export function mergePatch(target: unknown, patch: unknown): unknown {
  if (!isJsonObject(patch)) return patch;
  const merged: Record<string, unknown> = isJsonObject(target) ? { ...target } : {};
  for (const [name, value] of Object.entries(patch)) {
    if (value === null) delete merged[name];
    else merged[name] = mergePatch(merged[name], value);
  }
  return merged;
}

type WireAction = Extract<
  FaultAction,
  { kind: "stall" | "drip" | "drip-head" | "truncate" | "garble" | "oversize" | "rewrite" }
>;

/** Sends an answer in the way that a fault prescribes. */
export async function sendFaulty(
  response: ServerResponse,
  answer: Answer,
  action: WireAction,
  pause: (ms: number) => Promise<void>,
): Promise<void> {
  const reply = toReply(answer);
  const { status, headers, body } = reply;
  const half = Math.floor(body.length / 2);
  const writeHead = (): void => {
    response.writeHead(status, { ...headers, "Content-Length": body.length });
    response.flushHeaders();
  };
  switch (action.kind) {
    case "stall": {
      writeHead();
      const part = body.subarray(0, action.afterBytes ?? half);
      if (part.length > 0) response.write(part);
      return;
    }
    case "truncate":
      writeHead();
      response.write(body.subarray(0, action.afterBytes ?? half), () => response.socket?.end());
      return;
    case "drip":
      writeHead();
      for (let at = 0; at < body.length && !response.destroyed; at += action.chunkBytes) {
        response.write(body.subarray(at, at + action.chunkBytes));
        await pause(action.intervalMs);
      }
      response.end();
      return;
    case "drip-head": {
      const { socket } = response;
      const head = `HTTP/1.1 ${status} Slow\r\nContent-Length: ${body.length}\r\nConnection: close\r\n\r\n`;
      for (const character of head) {
        if (socket === null || socket.destroyed) return;
        socket.write(character);
        await pause(action.intervalMs);
      }
      socket?.end(body);
      return;
    }
    case "garble": {
      const garbled = Buffer.concat([body.subarray(0, Math.max(1, half)), Buffer.from('"{,')]);
      headers["Content-Type"] ??= "application/json";
      sendReply(response, { status: status === 204 ? 200 : status, headers, body: garbled });
      return;
    }
    case "oversize":
      await sendOversize(response, reply, action.bytes, action.isChunked === true, pause);
      return;
    case "rewrite": {
      const patched =
        typeof action.patch === "function"
          ? action.patch(answer.body)
          : action.patch === undefined
            ? answer.body
            : mergePatch(answer.body, action.patch);
      const rewritten = {
        ...answer,
        status: action.status ?? status,
        headers: { ...answer.headers, ...action.headers },
        body: patched,
      };
      sendReply(response, toReply(rewritten));
      return;
    }
  }
}

const paddingBytes = 64 * 1024;

// Pads with whitespace before the JSON, so that the large body is valid if it is read to its end.
async function sendOversize(
  response: ServerResponse,
  { status, headers, body }: Reply,
  bytes: number,
  isChunked: boolean,
  pause: (ms: number) => Promise<void>,
): Promise<void> {
  const length = isChunked ? {} : { "Content-Length": bytes + body.length };
  response.writeHead(status === 204 ? 200 : status, { ...headers, ...length });
  const padding = Buffer.alloc(paddingBytes, " ");
  for (let sent = 0; sent < bytes && !response.destroyed; sent += paddingBytes) {
    response.write(padding.subarray(0, Math.min(paddingBytes, bytes - sent)));
    while (response.writableNeedDrain && !response.destroyed) await pause(1);
  }
  response.end(body);
}
