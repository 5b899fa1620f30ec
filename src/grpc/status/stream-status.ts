/** Statuses of streams that the gateway ends or does not accept. */
import { status } from "@grpc/grpc-js";
import { shuttingDownStatus } from "./call-ended-status.ts";
import { StatusError } from "./status-error.ts";

/**
 * Why the gateway stops reading a stream: a shutdown, the age of the stream or of its connection,
 * its deadline, or a caller that neither sends nor receives.
 */
export type StreamClosing = "drain" | "age" | "connection" | "deadline" | "idle";

const texts = {
  age: "the stream is as old as it may become; open a new one for the items that follow",
  connection: "the connection is to be replaced; open a new stream for the items that follow",
  deadline: "the deadline of the stream is near; open a new one for the items that follow",
  idle: "no message came and no answer was taken for too long; open a new stream for further items",
} as const;

/** The status of a stream that the gateway closed after it had answered what it had read. */
export const streamEndedStatus = (why: StreamClosing): StatusError =>
  why === "drain"
    ? shuttingDownStatus()
    : new StatusError(
        why === "deadline" ? status.DEADLINE_EXCEEDED : status.UNAVAILABLE,
        "STREAM_ENDED",
        texts[why],
        { metadata: { why } },
      );

/** `TOO_MANY_STREAMS`: a stream above the number that may be open, in all or by one caller. */
export const tooManyStreamsStatus = (max: number, whose: "gateway" | "caller"): StatusError =>
  new StatusError(
    status.RESOURCE_EXHAUSTED,
    "TOO_MANY_STREAMS",
    whose === "caller"
      ? `this caller has ${max} open streams, and may not have more`
      : `the gateway has ${max} open streams, and accepts no more`,
    { retryDelayMs: 1_000 },
  );
