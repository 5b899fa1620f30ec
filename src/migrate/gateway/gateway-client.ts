/** The migration as a caller of a gateway: wraps and unwraps with bulk priority. */
import { randomUUID } from "node:crypto";
import {
  ChannelCredentials,
  Metadata,
  type CallOptions,
  type ChannelOptions,
  type ClientUnaryCall,
  type ServiceError,
} from "@grpc/grpc-js";
import {
  KeyActionsServiceClient,
  type UnwrapKeyResponse,
  type WrapKeyResponse,
} from "../../gen/keyprotect/v1/key_actions_service.ts";
import { toCallFailure, type CallFailure } from "./call-failure.ts";
import type { KeyPlace } from "../lines/item.ts";

/** How to reach a gateway. */
export interface GatewayConnection {
  /** `host:port` or `unix:/path`. */
  readonly address: string;
  readonly tls: GatewayTls | undefined;
  /** Metadata of every call beside the migration's own. */
  readonly keyRing: string | undefined;
  readonly deadlineMs: number;
}

/** Contents of PEM files, and the name in the server's certificate. */
export interface GatewayTls {
  /** Absent: the authorities that Node trusts. */
  readonly ca: Buffer | undefined;
  readonly client: { readonly cert: Buffer; readonly key: Buffer } | undefined;
  /** Absent: the host of the address. */
  readonly serverName: string | undefined;
}

/** The result of a call, with the ID that the gateway's log has for it. */
export type CallResult<T> = { readonly correlationId: string } & (
  | { readonly value: T }
  | { readonly failure: CallFailure }
);

/** The part of a gateway that the migration uses. An aborted signal ends a call. */
export interface MigrationGateway {
  unwrap(
    place: KeyPlace,
    ciphertext: Buffer,
    additionalData: readonly string[],
    signal: AbortSignal,
  ): Promise<CallResult<Buffer>>;
  /** Does not keep the plaintext. */
  wrap(
    place: KeyPlace,
    plaintext: Buffer,
    additionalData: readonly string[],
    signal: AbortSignal,
  ): Promise<CallResult<{ readonly ciphertext: Buffer; readonly keyVersion: string }>>;
  close(): void;
}

function credentialsOf(tls: GatewayTls | undefined): ChannelCredentials {
  if (tls === undefined) return ChannelCredentials.createInsecure();
  const { ca = null, client } = tls;
  return ChannelCredentials.createSsl(ca, client?.key ?? null, client?.cert ?? null);
}

/** Calls are distributed over all addresses of the host. The migration repeats calls by itself. */
const channelOptions: ChannelOptions = {
  "grpc.service_config": JSON.stringify({ loadBalancingConfig: [{ round_robin: {} }] }),
  "grpc.enable_retries": 0,
  "grpc.initial_reconnect_backoff_ms": 100,
  "grpc.min_reconnect_backoff_ms": 100,
  "grpc.max_reconnect_backoff_ms": 2_000,
};

/** Connects to a gateway. The connection is made by the first call. */
export function connectGateway(connection: GatewayConnection): MigrationGateway {
  const { address, tls, keyRing, deadlineMs } = connection;
  const client = new KeyActionsServiceClient(address, credentialsOf(tls), {
    ...channelOptions,
    ...(tls?.serverName === undefined
      ? {}
      : {
          "grpc.ssl_target_name_override": tls.serverName,
          "grpc.default_authority": tls.serverName,
        }),
  });

  const call = <Res, T>(
    instance: string,
    signal: AbortSignal,
    start: (
      metadata: Metadata,
      options: Partial<CallOptions>,
      callback: (error: ServiceError | null, response: Res) => void,
    ) => ClientUnaryCall,
    toValue: (response: Res) => T,
  ): Promise<CallResult<T>> => {
    const correlationId = randomUUID();
    const metadata = new Metadata();
    metadata.set("x-kp-instance", instance);
    metadata.set("x-kp-priority", "bulk");
    metadata.set("x-correlation-id", correlationId);
    if (keyRing !== undefined) metadata.set("x-kp-key-ring", keyRing);
    return new Promise((resolve) => {
      const deadline = Date.now() + deadlineMs;
      const running = start(metadata, { deadline }, (error, response) => {
        signal.removeEventListener("abort", cancel);
        resolve(
          error === null
            ? { correlationId, value: toValue(response) }
            : { correlationId, failure: toCallFailure(error) },
        );
      });
      const cancel = (): void => running.cancel();
      signal.addEventListener("abort", cancel, { once: true });
    });
  };

  return {
    unwrap: ({ instance, key }, ciphertext, additionalData, signal) => {
      const request = {
        keyId: key,
        ciphertext,
        additionalAuthenticatedData: [...additionalData],
      };
      return call(
        instance,
        signal,
        (...rest) => client.unwrapKey(request, ...rest),
        ({ plaintext }: UnwrapKeyResponse) => plaintext,
      );
    },
    wrap: ({ instance, key }, plaintext, additionalData, signal) => {
      const request = { keyId: key, plaintext, additionalAuthenticatedData: [...additionalData] };
      return call(
        instance,
        signal,
        (...rest) => client.wrapKey(request, ...rest),
        ({ ciphertext, keyVersionId }: WrapKeyResponse) => ({
          ciphertext,
          keyVersion: keyVersionId,
        }),
      );
    },
    close: () => client.close(),
  };
}
