/** How a connection above the bounds is refused. */
import { constants } from "node:http2";
import type { Socket } from "node:net";
import type { Clock } from "../../../platform/clock.ts";

/** Most refused connections that are open at the same time, to be told why. */
const mostTold = 64;

/** Time in which a refused peer can read why, in milliseconds. */
const tellMs = 1_000;

const settingsType = 4;
const goawayType = 7;

function frame(type: number, payload: Buffer): Buffer {
  const head = Buffer.alloc(9);
  head.writeUIntBE(payload.length, 0, 3);
  head.writeUInt8(type, 3);
  return Buffer.concat([head, payload]);
}

/**
 * The beginning of an HTTP/2 server, and GOAWAY: no call was begun (RFC 9113 section 6.8).
 * Libraries report `NO_ERROR` as UNAVAILABLE, which may be repeated elsewhere. `ENHANCE_YOUR_CALM`
 * would be RESOURCE_EXHAUSTED.
 */
const refusal = Buffer.concat([
  frame(settingsType, Buffer.alloc(0)),
  frame(
    goawayType,
    Buffer.concat([
      Buffer.from([0, 0, 0, 0, 0, 0, 0, constants.NGHTTP2_NO_ERROR]),
      Buffer.from("too many connections"),
    ]),
  ),
]);

/**
 * Creates the function that refuses a new connection. A plaintext peer gets GOAWAY, so that its
 * library can say why. A TLS peer is cut off before the handshake, which would cost more than the
 * refusal saves.
 */
export function createRefusal(
  clock: Pick<Clock, "after">,
): (socket: Socket, isTls: boolean) => void {
  let told = 0;
  return (socket, isTls) => {
    socket.on("error", () => {});
    if (isTls || told >= mostTold) {
      socket.destroy();
      return;
    }
    told += 1;
    const timer = clock.after(tellMs, () => socket.destroy());
    socket.once("close", () => {
      told -= 1;
      timer.cancel();
    });
    // Unread data would turn the end into a reset, which may overtake the frames.
    socket.resume();
    socket.end(refusal);
  };
}
