/** Promises for the callbacks of grpc-js clients, with headers and trailers. */
import {
  Metadata,
  type CallOptions,
  type ClientUnaryCall,
  type ServiceDefinition,
  type ServiceError,
} from "@grpc/grpc-js";

type UnaryMethod<Req, Res> = (
  request: Req,
  metadata: Metadata,
  options: Partial<CallOptions>,
  callback: (error: ServiceError | null, response: Res) => void,
) => ClientUnaryCall;

/** Names of the unary methods of a generated client. */
export type MethodOf<C> = {
  [M in keyof C]: C[M] extends UnaryMethod<never, unknown> ? M : never;
}[keyof C] &
  string;
/** Request message of a method. */
export type RequestOf<C, M extends keyof C> =
  C[M] extends UnaryMethod<infer Req, unknown> ? Req : never;
/** Response message of a method. */
export type ResponseOf<C, M extends keyof C> = C[M] extends (
  request: never,
  metadata: Metadata,
  options: Partial<CallOptions>,
  callback: (error: ServiceError | null, response: infer Res) => void,
) => ClientUnaryCall
  ? Res
  : never;

/** The result of a call. */
export interface Outcome<Res> {
  /** `null` for status OK. */
  readonly error: ServiceError | null;
  /** Only if `error` is `null`. */
  readonly response: Res | undefined;
  readonly headers: Metadata;
  /** The trailers, of failed calls too. */
  readonly trailers: Metadata;
}

/** The request with all fields that are not given at their defaults, so absent on the wire. */
function complete<C extends object, M extends MethodOf<C>>(
  client: C,
  method: M,
  request: Partial<RequestOf<C, M>>,
): Partial<RequestOf<C, M>> {
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- generated clients have it
  const { service } = client.constructor as unknown as { service?: ServiceDefinition };
  const defaults: unknown = service?.[method]?.requestDeserialize(Buffer.alloc(0));
  return typeof defaults === "object" ? { ...defaults, ...request } : request;
}

/**
 * Calls a unary method of a generated client. Fields that are not given have their defaults.
 * Resolves for successful and failed calls.
 */
export function unaryCall<C extends object, M extends MethodOf<C>>(
  client: C,
  method: M,
  request: Partial<RequestOf<C, M>>,
  metadata: Metadata = new Metadata(),
  options: Partial<CallOptions> = {},
): Promise<Outcome<ResponseOf<C, M>>> {
  return new Promise((resolve) => {
    let headers = new Metadata();
    let trailers = new Metadata();
    let answer: { error: ServiceError | null; response: ResponseOf<C, M> | undefined };
    // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- overloads of a name
    const invoke = client[method] as UnaryMethod<Partial<RequestOf<C, M>>, ResponseOf<C, M>>;
    const call = invoke.call(
      client,
      complete(client, method, request),
      metadata,
      options,
      (error, response) => {
        answer = { error, response: error === null ? response : undefined };
      },
    );
    call.on("metadata", (received: Metadata) => {
      headers = received;
    });
    // The status event comes last, after the callback, and has the trailers.
    call.on("status", (received: { metadata: Metadata }) => {
      trailers = received.metadata;
      setImmediate(() => resolve({ ...answer, headers, trailers }));
    });
  });
}
