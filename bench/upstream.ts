/**
 * The stand-in for Key Protect and IAM: a socket that finds the end of each request and writes a
 * prepared answer. It takes a few µs per request, so that the measured servers never wait for it.
 */
import { createServer } from "node:net";
import { accessToken, wrapAnswer, wrapPath } from "./canned.ts";
import { keyPageAnswer, keyPageHeaders, keyPagePath } from "./lean/key-page.ts";

function answerOf(status: string, body: string, headers: readonly string[] = []): Buffer {
  return Buffer.from(
    [
      `HTTP/1.1 ${status}`,
      "Content-Type: application/json",
      `Content-Length: ${Buffer.byteLength(body)}`,
      "Date: Fri, 17 May 2024 09:41:00 GMT",
      "Connection: keep-alive",
      ...headers,
      "",
      body,
    ].join("\r\n"),
    "latin1",
  );
}

const wrapped = answerOf("200 OK", wrapAnswer, [
  "Correlation-Id: 3f1c6c1e-9b0a-4d9e-8b77-0d2a4f8f6a10",
  "Strict-Transport-Security: max-age=31536000; includeSubDomains",
  "X-Content-Type-Options: nosniff",
  "Cache-Control: no-store",
]);
const token = answerOf(
  "200 OK",
  JSON.stringify({
    access_token: accessToken,
    refresh_token: "not_supported",
    token_type: "Bearer",
    expires_in: 3_600,
    expiration: Math.floor(Date.now() / 1_000) + 3_600,
    scope: "ibm openid",
  }),
);
const page = answerOf("200 OK", keyPageAnswer, keyPageHeaders);
const unknown = answerOf("404 Not Found", "{}");

const bodyLength = /\r\ncontent-length: *(\d+)/i;

function replyTo(head: string): Buffer {
  if (head.startsWith(`POST ${wrapPath} `)) return wrapped;
  if (head.startsWith(`GET ${keyPagePath}?`)) return page;
  return head.startsWith("POST /identity/token ") ? token : unknown;
}

const server = createServer({ noDelay: true }, (socket) => {
  let rest: Buffer = Buffer.alloc(0);
  socket.on("error", () => {});
  socket.on("data", (chunk) => {
    rest = rest.length === 0 ? chunk : Buffer.concat([rest, chunk]);
    for (;;) {
      const headEnd = rest.indexOf("\r\n\r\n");
      if (headEnd < 0) return;
      const head = rest.toString("latin1", 0, headEnd);
      const end = headEnd + 4 + Number(bodyLength.exec(head)?.[1] ?? 0);
      if (end > rest.length) return;
      rest = rest.subarray(end);
      socket.write(replyTo(head));
    }
  });
});
server.listen(0, "127.0.0.1", () => {
  const address = server.address();
  if (address !== null && typeof address === "object") process.send?.({ port: address.port });
});
