import { Metadata, type ServerInterceptingCallInterface } from "@grpc/grpc-js";
import { correlationKey } from "../call/correlation-id.ts";
import { encodeStatus, type StatusFacts } from "./encode-status.ts";
import type { StatusError } from "./status-error.ts";

/** A status as grpc-js takes it. */
export type StatusToSend = Parameters<ServerInterceptingCallInterface["sendStatus"]>[0];

/** An error as it goes out: with its details, and with the correlation ID in a trailer of its own. */
export function statusToSend(error: StatusError, facts: StatusFacts): StatusToSend {
  const { code, message, details, pushback } = encodeStatus(error, facts);
  const metadata = new Metadata();
  metadata.set(correlationKey, facts.correlationId);
  metadata.set("grpc-status-details-bin", details);
  if (pushback !== undefined) metadata.set("grpc-retry-pushback-ms", pushback);
  return { code, details: message, metadata };
}
