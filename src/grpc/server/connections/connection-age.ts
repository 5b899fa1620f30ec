/**
 * The greatest age of a connection. A gRPC client keeps its connection for as long as it can, so
 * without this a new replica would get no calls from clients that are connected elsewhere.
 */
import { constants, type ServerHttp2Session } from "node:http2";
import type { Clock, Timer } from "../../../platform/clock.ts";

/** When connections end. */
export interface ConnectionAge {
  /** Age at which a connection gets GOAWAY, in milliseconds. */
  readonly ageMs: number;
  /** How much the ages differ at most, in percent of `ageMs`, so that not all end at once. */
  readonly ageJitterPercent: number;
  /** Time that its calls then have, in milliseconds. */
  readonly ageGraceMs: number;
}

/** Dependencies of `limitAge`. */
export interface AgeDeps {
  readonly clock: Pick<Clock, "after">;
  /** Uniform in [0, 1). */
  readonly random: () => number;
}

/** The session functions that are used. */
type AgingSession = Pick<
  ServerHttp2Session,
  "close" | "closed" | "destroy" | "destroyed" | "goaway" | "once"
>;

/** The highest stream ID: the first GOAWAY refuses no call (RFC 9113 section 6.8). */
const anyStream = 2 ** 31 - 1;

/**
 * Ends a session at its age, as grpc-js does, whose jitter is fixed: GOAWAY says why, and `close`
 * sends a second one that names the last call. Calls on their way are refused, and libraries repeat
 * them on a new connection. The first GOAWAY cannot wait for them: after it, Node accepts no call.
 * After the grace, the calls that still run are ended.
 */
export function limitAge(session: AgingSession, age: ConnectionAge, deps: AgeDeps): void {
  const { clock, random } = deps;
  const jitter = (2 * random() - 1) * (age.ageJitterPercent / 100);
  let timer: Timer = clock.after(age.ageMs * (1 + jitter), () => {
    if (session.destroyed || session.closed) return;
    session.goaway(constants.NGHTTP2_NO_ERROR, anyStream, Buffer.from("max_age"));
    session.close();
    timer = clock.after(age.ageGraceMs, () => session.destroy());
  });
  session.once("close", () => timer.cancel());
}
