/** Connects service definitions of the contract with their handlers. */
import type {
  MethodDefinition,
  ServiceDefinition,
  UntypedServiceImplementation,
} from "@grpc/grpc-js";
import { rpcOf, type Rpc } from "../../rpc-table.ts";
import type { UnaryHandler } from "../interceptors/interceptor.ts";
import type { StreamHandler } from "./streams/message-stream.ts";
import type { Streaming } from "./streams/streaming.ts";
import { asEncoded, decodeAndZeroize, type Unary } from "./unary-handler.ts";

/** One handler per method of a service definition, by the definition's own method names. */
export type HandlersOf<Definition> = {
  readonly [Method in keyof Definition]: Definition[Method] extends {
    requestStream: infer Streams;
    requestDeserialize: (bytes: Buffer) => infer Req;
    responseSerialize: (response: infer Res) => Buffer;
  }
    ? Streams extends true
      ? StreamHandler<Req, Res>
      : UnaryHandler<Req, Res>
    : never;
};

/** The arguments of `Server.addService`. */
export interface BoundService {
  readonly definition: ServiceDefinition;
  readonly implementation: UntypedServiceImplementation;
}

type AnyMethod = MethodDefinition<unknown, unknown>;

/**
 * Binds handlers to a service definition. Throws if a method has no handler, a handler has no
 * method, an RPC has no row, or a method streams in one direction alone, or in both without
 * `streaming`. Each of these is a defect of the gateway, to be found at start-up. `rowOf` gives the
 * row of a path and throws if there is none; default: that of `rpc-table.ts`.
 */
export function bindService<Definition extends ServiceDefinition>(
  definition: Definition,
  handlers: HandlersOf<Definition>,
  unary: Unary,
  rowOf: (path: string) => Rpc = rpcOf,
  streaming?: Streaming,
): BoundService {
  const handlerOf: Readonly<Record<string, unknown>> = handlers;
  const methods: Record<string, AnyMethod> = {};
  const implementation: UntypedServiceImplementation = {};
  for (const [name, method] of Object.entries<AnyMethod>(definition)) {
    const handler = handlerOf[name];
    if (!isHandler(handler)) throw new Error(`no handler for ${method.path}`);
    const { path, requestStream, responseStream, responseSerialize } = method;
    const isStream = requestStream && responseStream && streaming !== undefined;
    if (!isStream && (requestStream || responseStream)) throw new Error(`${path} streams`);
    methods[name] = {
      ...method,
      requestDeserialize: decodeAndZeroize(method.requestDeserialize),
      responseSerialize: isStream ? responseSerialize : asEncoded,
    };
    const blank = method.responseDeserialize(Buffer.alloc(0));
    implementation[name] = isStream
      ? streaming(rowOf(path), handler)
      : unary(rowOf(path), handler, responseSerialize, blank);
  }
  const surplus = Object.keys(handlers).filter((name) => !Object.hasOwn(methods, name));
  if (surplus.length > 0) throw new Error(`no method for handlers: ${surplus.join(", ")}`);
  return { definition: methods, implementation };
}

/** The definition says which of both a handler is. */
const isHandler = (
  value: unknown,
): value is UnaryHandler<unknown, unknown> & StreamHandler<unknown, unknown> =>
  typeof value === "function";
