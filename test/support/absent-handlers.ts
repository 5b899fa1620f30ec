import type { ServiceDefinition } from "@grpc/grpc-js";
import type { HandlersOf } from "../../src/grpc/call/bind-service.ts";

const absent = (): Promise<never> => Promise.reject(new Error("this test has no such handler"));

/** The given handlers of a service; the others reject every call. */
export function withAbsentHandlers<S extends ServiceDefinition>(
  service: S,
  handlers: Partial<HandlersOf<S>>,
): HandlersOf<S> {
  const all = Object.fromEntries(Object.keys(service).map((name) => [name, absent]));
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- all methods are there
  return { ...all, ...handlers } as HandlersOf<S>;
}
