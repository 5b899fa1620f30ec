import { expect, test } from "vitest";
import { chain, inOrder, type Interceptor } from "../../../../src/grpc/interceptors/interceptor.ts";
import { behind, callContext } from "../../../support/call-context.ts";

/** An interceptor that records when it sees a request and its result. */
const recording =
  (name: string, events: string[]): Interceptor =>
  (next) =>
  async (request, context) => {
    events.push(`${name} request`);
    const response = await next(request, context);
    events.push(`${name} response`);
    return response;
  };

test("the first interceptor of a chain sees a request first and its result last", async () => {
  const events: string[] = [];
  const handler = behind(chain([recording("a", events), recording("b", events)]), () => {
    events.push("handler");
    return Promise.resolve({});
  });
  await handler({}, callContext("GetKey"));
  expect(events).toEqual(["a request", "b request", "handler", "b response", "a response"]);
});

const handler = () => Promise.resolve("answered");

test("an interceptor is given the RPC when it wraps the handler, and may leave the handler as it is", async () => {
  const wrapped: string[] = [];
  const absent: Interceptor = (next, rpc) => {
    wrapped.push(rpc.method);
    return next;
  };
  const { rpc } = callContext("GetKey");
  expect(chain([absent, absent])(handler, rpc)).toBe(handler);
  expect(wrapped).toEqual(["GetKey", "GetKey"]);
});

test("inOrder sorts interceptors by inboundInterceptors, however they are given", () => {
  const authorize = recording("authorize", []);
  const selectInstance = recording("select-instance", []);
  const selectRing = recording("select-key-ring", []);
  const prioritize = recording("prioritize", []);
  const authenticate = recording("authenticate", []);
  const limitMetadata = recording("limit-metadata", []);
  expect(
    inOrder({
      authorize,
      "select-key-ring": selectRing,
      prioritize,
      "select-instance": selectInstance,
      authenticate,
      "limit-metadata": limitMetadata,
    }),
  ).toEqual([limitMetadata, authenticate, selectInstance, selectRing, prioritize, authorize]);
});
