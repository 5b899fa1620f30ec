/** The connection to the gateway: credentials, retry policy, deadline, correlation ID, errors. */
import { randomUUID } from "node:crypto";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import {
  credentials,
  Metadata,
  status,
  type ChannelCredentials,
  type ServiceError,
} from "@grpc/grpc-js";
import { BadRequest, ErrorInfo, RetryInfo } from "../../src/gen/google/rpc/error_details.ts";
import { Status } from "../../src/gen/google/rpc/status.ts";
import {
  KeyActionsServiceClient,
  type GenerateDataKeyRequest,
  type GenerateDataKeyResponse,
  type UnwrapKeyRequest,
  type UnwrapKeyResponse,
} from "../../src/gen/keyprotect/v1/key_actions_service.ts";

/** The time that a call may take, with all its attempts. */
const deadlineMs = 10_000;
const deadline = (): Date => new Date(Date.now() + deadlineMs);

/** Retries what may be repeated, and nothing else. The gateway's repository generates it. */
const serviceConfig = readFileSync(
  join(import.meta.dirname, "../../proto/keyprotect/v1/service_config.json"),
  "utf8",
);

/** A mistake of the user: wrong arguments or environment variables. */
export class UsageError extends Error {
  override readonly name = "UsageError";
}

/** The two calls that envelope encryption needs. They reject with a `ServiceError`. */
export interface Gateway {
  /** Finds all calls of this job in the logs of the gateway and of Key Protect. */
  readonly correlationId: string;
  generateDataKey(request: GenerateDataKeyRequest): Promise<GenerateDataKeyResponse>;
  unwrapKey(request: UnwrapKeyRequest): Promise<UnwrapKeyResponse>;
  close(): void;
}

/** Opens the channel that the environment variables describe. A process needs only one. */
export function connect(env: NodeJS.ProcessEnv): Gateway {
  const address = env["KEYPROTECT_GATEWAY"] ?? "127.0.0.1:50051";
  const actions = new KeyActionsServiceClient(address, credentialsFor(address, env), {
    "grpc.service_config": serviceConfig,
  });
  const correlationId = randomUUID();
  const metadata = new Metadata();
  metadata.set("x-correlation-id", correlationId);
  return {
    correlationId,
    generateDataKey: (request) =>
      promised((done) =>
        actions.generateDataKey(request, metadata, { deadline: deadline() }, done),
      ),
    unwrapKey: (request) =>
      promised((done) => actions.unwrapKey(request, metadata, { deadline: deadline() }, done)),
    close: () => actions.close(),
  };
}

function credentialsFor(address: string, env: NodeJS.ProcessEnv): ChannelCredentials {
  const read = (name: string): Buffer | null => {
    const path = env[name];
    return path === undefined ? null : readFileSync(path);
  };
  const ca = read("KEYPROTECT_GATEWAY_CA_FILE");
  const certificate = read("KEYPROTECT_GATEWAY_CERT_FILE");
  const key = read("KEYPROTECT_GATEWAY_KEY_FILE");
  if (ca !== null) return credentials.createSsl(ca, key, certificate);
  // Data keys must not cross a network in the clear.
  if (/^(unix:.+|(localhost|127\.0\.0\.1|\[::1\]):\d+)$/.test(address)) {
    return credentials.createInsecure();
  }
  throw new UsageError(`${address} needs TLS: set KEYPROTECT_GATEWAY_CA_FILE`);
}

function promised<Res>(
  start: (done: (error: ServiceError | null, response: Res) => void) => unknown,
): Promise<Res> {
  return new Promise((resolve, reject) => {
    start((error, response) => {
      if (error === null) resolve(response);
      else reject(error);
    });
  });
}

/** Whether a call failed, and not the program. */
export function isServiceError(error: unknown): error is ServiceError {
  return error instanceof Error && "code" in error && "metadata" in error && "details" in error;
}

/**
 * Describes a failed call: status, text, and the details that the gateway adds. A program decides
 * by status and reason, never by the text. Without a reason, the failure is not the gateway's own:
 * it comes from this library, the network or a proxy.
 */
export function describe(error: ServiceError): string {
  const lines = [`${status[error.code]}: ${error.details}`];
  const [encoded] = error.metadata.get("grpc-status-details-bin");
  const details = Buffer.isBuffer(encoded) ? Status.decode(encoded).details : [];
  for (const { typeUrl, value } of details) {
    if (typeUrl.endsWith("/google.rpc.ErrorInfo")) {
      const { reason, metadata } = ErrorInfo.decode(value);
      lines.push(`  reason: ${reason}`, `  may have executed: ${metadata["mayHaveExecuted"]}`);
    } else if (typeUrl.endsWith("/google.rpc.BadRequest")) {
      for (const { field, description } of BadRequest.decode(value).fieldViolations) {
        lines.push(`  field ${field}: ${description}`);
      }
    } else if (typeUrl.endsWith("/google.rpc.RetryInfo")) {
      const { seconds, nanos } = RetryInfo.decode(value).retryDelay ?? { seconds: 0n, nanos: 0 };
      lines.push(`  retry after: ${(Number(seconds) + nanos / 1e9).toFixed(1)} s`);
    }
  }
  return lines.join("\n");
}
