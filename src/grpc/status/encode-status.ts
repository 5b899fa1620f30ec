/**
 * Encodes a `StatusError` for the wire. Error trailers must stay small: other gRPC stacks replace a
 * status with more than 8 to 16 KB of metadata by an error about its size, and grpc-js stalls the
 * whole connection at about 80 KB.
 */
import { status } from "@grpc/grpc-js";
import {
  BadRequest,
  ErrorInfo,
  Help,
  PreconditionFailure,
  QuotaFailure,
  RequestInfo,
  ResourceInfo,
  RetryInfo,
} from "../../gen/google/rpc/error_details.ts";
import type { StreamProgress } from "../../platform/attempt-log.ts";
import { Status } from "../../gen/google/rpc/status.ts";
import type { FieldViolation, StatusDetails, StatusError } from "./status-error.ts";
import { statusText } from "./text.ts";

/** `ErrorInfo.domain` of every error of the gateway. */
export const errorDomain = "keyprotect-gateway";

/** Longest status text, in bytes of UTF-8. */
export const maxMessageBytes = 512;

/** Largest encoded `google.rpc.Status`, in bytes: 4 KiB as base64 text in a trailer. */
export const maxDetailsBytes = 3_072;

/** Number of field violations that are kept if all of them are too large. */
export const keptViolations = 8;

const maxDescriptionBytes = 256;
const maxNameBytes = 128;
const maxDelayMs = 2_147_483_647;
const metadataKey = /^[a-z][a-zA-Z0-9_-]{0,63}$/;

/** Facts about the call that become part of every error. */
export interface StatusFacts {
  readonly correlationId: string;
  /** Full name of the RPC, such as `keyprotect.v1.KeysService/CreateKey`. */
  readonly method: string;
  /** Number of upstream requests started for the call. */
  readonly attempts: number;
  /** HTTP status of the newest upstream response. */
  readonly httpStatus: number | undefined;
  /** Of a stream: how far it has been answered. */
  readonly progress?: StreamProgress | undefined;
}

/** An encoded status. */
export interface EncodedStatus {
  readonly code: status;
  readonly message: string;
  /** The encoded `google.rpc.Status` of `grpc-status-details-bin`. */
  readonly details: Buffer;
  /**
   * The value of `grpc-retry-pushback-ms`: the delay before a retry, or -1 if the change may have
   * happened. A plain integer, because clients treat one that they cannot parse as "retry now".
   */
  readonly pushback?: string;
}

interface Packed {
  readonly typeUrl: string;
  readonly value: Buffer;
}

const pack = (name: string, bytes: Uint8Array): Packed => ({
  typeUrl: `type.googleapis.com/google.rpc.${name}`,
  value: Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength),
});

const described = (text: string): string => statusText(text, maxDescriptionBytes);
const named = (text: string): string => statusText(text, maxNameBytes);

/**
 * The delay in both retry hints, in whole milliseconds; `undefined` for none. A call whose change
 * may have happened has no delay: no time to wait makes its repetition safe.
 */
function delayMsOf({ retryDelayMs, mayHaveExecuted }: StatusDetails): number | undefined {
  if (mayHaveExecuted === true || retryDelayMs === undefined || Number.isNaN(retryDelayMs)) {
    return undefined;
  }
  return Math.min(Math.max(Math.ceil(retryDelayMs), 0), maxDelayMs);
}

/** At least 1 ms: after a pushback of 0, calls of grpcio 1.85 end at their deadline only. */
const pushbackOf = (delayMs: number | undefined): string | undefined =>
  delayMs === undefined ? undefined : String(Math.max(delayMs, 1));

function errorInfo(
  error: StatusError,
  facts: StatusFacts,
  more: Readonly<Record<string, string>>,
): Packed {
  const metadata: Record<string, string> = {
    httpStatus: facts.httpStatus === undefined ? "" : String(facts.httpStatus),
    upstreamReason: "",
  };
  for (const [key, value] of Object.entries(more)) {
    if (metadataKey.test(key)) metadata[key] = described(value);
  }
  metadata["correlationId"] = named(facts.correlationId);
  metadata["attempts"] = String(facts.attempts);
  if (facts.progress !== undefined) {
    metadata["answeredItems"] = String(facts.progress.answeredItems);
    metadata["lastItemId"] = named(facts.progress.lastItemId);
  }
  metadata["mayHaveExecuted"] = String(error.details.mayHaveExecuted === true);
  metadata["method"] = named(facts.method);
  const bytes = ErrorInfo.encode({ reason: error.reason, domain: errorDomain, metadata }).finish();
  return pack("ErrorInfo", bytes);
}

const badRequest = (violations: readonly FieldViolation[]): Packed =>
  pack(
    "BadRequest",
    BadRequest.encode({
      fieldViolations: violations.map(({ field, description, reason }) => ({
        field: named(field),
        description: described(description),
        reason: named(reason),
        localizedMessage: undefined,
      })),
    }).finish(),
  );

const help = (links: NonNullable<StatusDetails["help"]>): Packed =>
  pack(
    "Help",
    Help.encode({
      links: links.map(({ description, url }) => ({
        description: described(description),
        url: described(url),
      })),
    }).finish(),
  );

/** All details except `ErrorInfo`, `BadRequest` and `Help`, which depend on the total size. */
function otherDetails(
  { resource, preconditions, quota }: StatusDetails,
  delayMs: number | undefined,
  facts: StatusFacts,
): Packed[] {
  const packed = [
    pack(
      "RequestInfo",
      RequestInfo.encode({ requestId: named(facts.correlationId), servingData: "" }).finish(),
    ),
  ];
  if (delayMs !== undefined) {
    const retryDelay = {
      seconds: BigInt(Math.floor(delayMs / 1_000)),
      nanos: (delayMs % 1_000) * 1_000_000,
    };
    packed.push(pack("RetryInfo", RetryInfo.encode({ retryDelay }).finish()));
  }
  if (resource !== undefined) {
    const message = {
      resourceType: named(resource.type),
      resourceName: named(resource.name),
      owner: "",
      description: described(resource.description ?? ""),
    };
    packed.push(pack("ResourceInfo", ResourceInfo.encode(message).finish()));
  }
  if (preconditions !== undefined && preconditions.length > 0) {
    const violations = preconditions.map(({ type, subject, description }) => ({
      type: named(type),
      subject: named(subject),
      description: described(description),
    }));
    packed.push(pack("PreconditionFailure", PreconditionFailure.encode({ violations }).finish()));
  }
  if (quota !== undefined) {
    const violation = {
      subject: named(quota.subject),
      description: described(quota.description),
      apiService: named(quota.apiService ?? ""),
      quotaMetric: "",
      quotaId: "",
      quotaDimensions: {},
      quotaValue: 0n,
    };
    packed.push(pack("QuotaFailure", QuotaFailure.encode({ violations: [violation] }).finish()));
  }
  return packed;
}

/** Sets of details from the complete one to the smallest, which always fits. */
function* attemptsToFit(
  error: StatusError,
  delayMs: number | undefined,
  facts: StatusFacts,
): Generator<Packed[]> {
  const { metadata = {}, violations = [], help: links = [] } = error.details;
  const info = errorInfo(error, facts, metadata);
  const others = otherDetails(error.details, delayMs, facts);
  const bad = violations.length > 0 ? [badRequest(violations)] : [];
  if (links.length > 0) yield [info, ...bad, ...others, help(links)];
  yield [info, ...bad, ...others];
  if (violations.length > keptViolations) {
    const counted = { ...metadata, violationCount: String(violations.length) };
    const kept = badRequest(violations.slice(0, keptViolations));
    yield [errorInfo(error, facts, counted), kept, ...others];
  }
  yield [info];
  const { upstreamReason = "" } = metadata;
  yield [errorInfo(error, facts, { upstreamReason })];
}

/**
 * Encodes an error with its `google.rpc` details: `ErrorInfo`, `RequestInfo`, and others if
 * present. To stay within `maxDetailsBytes` it leaves out, in this order, `Help`, the field
 * violations beyond the first eight (`violationCount` in the metadata is then their total), and
 * everything except `ErrorInfo`. It never throws: unfit characters of any text are replaced.
 */
export function encodeStatus(error: StatusError, facts: StatusFacts): EncodedStatus {
  // With code OK the caller would receive a success without a message.
  const code =
    status[error.code] === undefined || error.code === status.OK ? status.INTERNAL : error.code;
  const message = statusText(error.message, maxMessageBytes);
  const delayMs = delayMsOf(error.details);
  let bytes = new Uint8Array();
  for (const details of attemptsToFit(error, delayMs, facts)) {
    bytes = Status.encode({ code, message, details }).finish();
    if (bytes.byteLength <= maxDetailsBytes) break;
  }
  // Derived here and nowhere else, so that no reason can forget it.
  const pushback = error.details.mayHaveExecuted === true ? "-1" : pushbackOf(delayMs);
  return {
    code,
    message,
    details: Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength),
    ...(pushback === undefined ? {} : { pushback }),
  };
}
