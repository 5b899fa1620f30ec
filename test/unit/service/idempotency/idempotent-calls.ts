/** A guard over records in memory, and calls whose changes end when the test says so. */
import type { CallContext } from "../../../../src/grpc/call/call-context.ts";
import { createMemoryRecords } from "../../../../src/idempotency-store/memory-store.ts";
import type { RequestRecords } from "../../../../src/idempotency-store/store.ts";
import { toStatusError } from "../../../../src/service/errors/to-status-error.ts";
import {
  createRequestGuard,
  type Guarded,
} from "../../../../src/service/idempotency/idempotent.ts";
import { callContext } from "../../../support/call-context.ts";
import { createDrivenClock } from "../../../support/driven-clock.ts";

export const requestId = "5c1b2a3d-7e8f-4a1b-9c2d-3e4f5a6b7c8d";
/** Lets what has become due run. */
export const settle = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

/** `change` takes the place of methods of the records. */
export function setUp(change: Partial<RequestRecords> = {}) {
  const clock = createDrivenClock();
  const records = { ...createMemoryRecords({ clock, keepMs: 60_000 }), ...change };
  const guardOf = () =>
    createRequestGuard({
      records,
      clock,
      isTokenPassedThrough: () => false,
      instanceIdOf: ({ instance }) => instance,
    });
  const guard = guardOf();
  const begun: {
    context: CallContext;
    end: (keyId: string) => void;
    fail: (error: unknown) => void;
  }[] = [];
  const ask = (
    overrides: { context?: CallContext; fields?: string[]; id?: string; guard?: typeof guard } = {},
  ): Promise<Guarded<string>> => {
    const context = overrides.context ?? fresh();
    const asked = (overrides.guard ?? guard)(context, {
      requestId: overrides.id ?? requestId,
      fields: overrides.fields ?? ["orders"],
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
  return { clock, records, guardOf, begun, ask };
}

/** The context of a call that has sent nothing. */
export const fresh = (overrides: Partial<CallContext> = {}): CallContext =>
  callContext("CreateKey", { attemptLog: { attempts: 0, httpStatus: undefined }, ...overrides });
