/** Names of gRPC status codes by number, as go-grpc writes them in metrics: dashboards expect these. */
export const grpcCodes = [
  "OK",
  "Canceled",
  "Unknown",
  "InvalidArgument",
  "DeadlineExceeded",
  "NotFound",
  "AlreadyExists",
  "PermissionDenied",
  "ResourceExhausted",
  "FailedPrecondition",
  "Aborted",
  "OutOfRange",
  "Unimplemented",
  "Internal",
  "Unavailable",
  "DataLoss",
  "Unauthenticated",
] as const;

/** The name of a status code; `Unknown` for a number that is none. */
export const grpcCodeOf = (code: number): string => grpcCodes[code] ?? "Unknown";
