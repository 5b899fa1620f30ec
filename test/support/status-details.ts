import type { ServiceError } from "@grpc/grpc-js";
import {
  BadRequest,
  ErrorInfo,
  Help,
  PreconditionFailure,
  QuotaFailure,
  RequestInfo,
  ResourceInfo,
  RetryInfo,
} from "../../src/gen/google/rpc/error_details.ts";
import type { Any } from "../../src/gen/google/protobuf/any.ts";
import { Status } from "../../src/gen/google/rpc/status.ts";

/** The `google.rpc` details of a failed call, decoded. */
export interface StatusDetailsSeen {
  readonly errorInfo: ErrorInfo | undefined;
  readonly requestInfo: RequestInfo | undefined;
  readonly retryInfo: RetryInfo | undefined;
  readonly badRequest: BadRequest | undefined;
  readonly resourceInfo: ResourceInfo | undefined;
  readonly preconditionFailure: PreconditionFailure | undefined;
  readonly quotaFailure: QuotaFailure | undefined;
  readonly help: Help | undefined;
}

/** Decodes `grpc-status-details-bin`. Everything is `undefined` if there is none. */
export function statusDetails(error: Pick<ServiceError, "metadata">): StatusDetailsSeen {
  const encoded = error.metadata.get("grpc-status-details-bin")[0];
  return decodedDetails(Buffer.isBuffer(encoded) ? Status.decode(encoded).details : []);
}

/** Decodes the details of a status. */
export function decodedDetails(details: readonly Any[]): StatusDetailsSeen {
  const find = <T>(name: string, decode: (bytes: Buffer) => T): T | undefined => {
    const found = details.find(
      ({ typeUrl }) => typeUrl === `type.googleapis.com/google.rpc.${name}`,
    );
    return found === undefined ? undefined : decode(found.value);
  };
  return {
    errorInfo: find("ErrorInfo", (bytes) => ErrorInfo.decode(bytes)),
    requestInfo: find("RequestInfo", (bytes) => RequestInfo.decode(bytes)),
    retryInfo: find("RetryInfo", (bytes) => RetryInfo.decode(bytes)),
    badRequest: find("BadRequest", (bytes) => BadRequest.decode(bytes)),
    resourceInfo: find("ResourceInfo", (bytes) => ResourceInfo.decode(bytes)),
    preconditionFailure: find("PreconditionFailure", (bytes) => PreconditionFailure.decode(bytes)),
    quotaFailure: find("QuotaFailure", (bytes) => QuotaFailure.decode(bytes)),
    help: find("Help", (bytes) => Help.decode(bytes)),
  };
}
