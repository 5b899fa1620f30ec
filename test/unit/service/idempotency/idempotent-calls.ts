/**
 * Calls of one change, over a store in memory. The test decides when and how each execution ends.
 */
import { expect } from "vitest";
import type { CallContext } from "../../../../src/grpc/call/call-context.ts";
import { createMemoryStore } from "../../../../src/idempotency-store/memory-store.ts";
import type { IdempotencyStore } from "../../../../src/idempotency-store/store.ts";
import type { IdempotencyDeps } from "../../../../src/service/service-deps.ts";
import { toStatusError } from "../../../../src/service/errors/to-status-error.ts";
import { createIdempotent, type Executed } from "../../../../src/service/idempotency/idempotent.ts";
import { callContext } from "../../../support/call-context.ts";
import { createDrivenClock } from "../../../support/driven-clock.ts";

export const requestId = "5c1b2a3d-7e8f-4a1b-9c2d-3e4f5a6b7c8d";

/**
 * `overrides` replaces methods of the store. With `readWithToken`, the callers' tokens are passed
 * through.
 */
export function setUp(
  overrides: Partial<IdempotencyStore> = {},
  readWithToken?: IdempotencyDeps["readWithToken"],
) {
  const clock = createDrivenClock();
  const store = { ...createMemoryStore({ clock, keepMs: 60_000 }), ...overrides };
  const newProcess = () =>
    createIdempotent({
      store,
      clock,
      isTokenPassedThrough: () => readWithToken !== undefined,
      readWithToken: readWithToken ?? (async () => expect.fail("no token has to be proven")),
      instanceIdOf: ({ instance }) => instance,
    });
  const idempotent = newProcess();
  const begun: {
    context: CallContext;
    end: (keyId: string) => void;
    fail: (error: unknown) => void;
  }[] = [];
  const ask = (
    options: {
      context?: CallContext;
      fields?: string[];
      id?: string;
      process?: typeof idempotent;
    } = {},
  ): Promise<Executed<string>> => {
    const context = options.context ?? fresh();
    const asked = (options.process ?? idempotent)(context, {
      requestId: options.id ?? requestId,
      fields: options.fields ?? ["orders"],
      material: undefined,
      make: (call) =>
        new Promise<string>((end, fail) => {
          call.attemptLog.attempts += 1;
          begun.push({ context: call, end, fail });
        }),
      keyIdOf: (made) => made,
    });
    return asked.catch((error: unknown) => {
      throw toStatusError(error, context, {});
    });
  };
  return { clock, store, newProcess, begun, ask };
}

/** The context of a call that has sent nothing. */
export const fresh = (overrides: Partial<CallContext> = {}): CallContext =>
  callContext("CreateKey", { attemptLog: { attempts: 0, httpStatus: undefined }, ...overrides });
