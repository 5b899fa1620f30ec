import { Metadata } from "@grpc/grpc-js";
import { pino } from "pino";
import type { CallContext } from "../../src/grpc/call/call-context.ts";
import type { InterceptedHandler, Interceptor } from "../../src/grpc/interceptors/interceptor.ts";
import { rpcTable } from "../../src/rpc-table.ts";

/** Creates a context like the inbound side's, for tests of later steps. */
export function callContext(method: string, overrides: Partial<CallContext> = {}): CallContext {
  const rpc = rpcTable.find((row) => row.method === method);
  if (rpc === undefined) throw new Error(`no such RPC: ${method}`);
  return {
    rpc,
    correlationId: "11111111-2222-4333-8444-555555555555",
    metadata: new Metadata(),
    peer: "127.0.0.1:1",
    certificateUri: undefined,
    certificateProblem: undefined,
    caller: "anonymous",
    instance: "default",
    keyRing: undefined,
    targetKeyRing: undefined,
    callerToken: undefined,
    deadline: Number.POSITIVE_INFINITY,
    signal: new AbortController().signal,
    attemptLog: { attempts: 1, httpStatus: undefined },
    logger: pino({ level: "silent" }),
    ...overrides,
  };
}

/** A handler behind an interceptor, wrapped for the RPC of each context. */
export const behind =
  <Req, Res>(
    interceptor: Interceptor,
    handler: InterceptedHandler<Req, Res>,
  ): InterceptedHandler<Req, Res> =>
  (request, context) =>
    interceptor(handler, context.rpc)(request, context);
