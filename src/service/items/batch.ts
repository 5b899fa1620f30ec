/** Creates the handlers of RPCs that answer a list of items in one response. */
import type { UnaryHandler } from "../../grpc/interceptors/interceptor.ts";
import type { Reason } from "../../grpc/status/status-error.ts";
import type { CallSignal } from "../../platform/call-signal.ts";
import { createHandler } from "../create-handler.ts";
import { batchItems } from "../validation/fields.ts";
import { check } from "../validation/rules.ts";
import { Item, type ItemOptions, type ItemRequest, type ItemResult } from "./item.ts";

/** Most items of one batch that are in progress at a time, waiting for quota or for an answer. */
const itemsAtOnce = 32;

/**
 * A batch must not fail because its own items fill the queue: where the queue has no room, an item
 * waits for one.
 */
const queueReasons: ReadonlySet<Reason> = new Set(["OVERLOADED", "CALLER_RATE_LIMITED"]);

/** The parts in which batches differ. */
export interface BatchOptions<Req, Res> extends Omit<ItemOptions<Req, Res>, "isPassing"> {
  /**
   * A text that identical items have in common, if they may share one request. Absent: each item
   * has its own.
   */
  readonly identityOf?: (request: Req) => string;
}

/** Creates the handler of a batch. One item's failure does not affect the others. */
export function createBatchHandler<Req extends ItemRequest, Res>(
  options: BatchOptions<Req, Res>,
): UnaryHandler<
  { readonly items: readonly Req[] },
  { results: { outcome: ItemResult<Res> | undefined }[] }
> {
  const { identityOf } = options;
  const itemOptions = { ...options, isPassing: (reason: Reason) => queueReasons.has(reason) };
  return createHandler({
    validate: ({ items }, violations) => check(violations, "items", items, batchItems),
    async answer({ items }, context) {
      const known = new Map<string, Item<Req, Res>>();
      const ofRequests = items.map((request, at) => {
        const identity = identityOf?.(request) ?? String(at);
        const item = known.get(identity) ?? new Item(itemOptions, request, context);
        known.set(identity, item);
        return item;
      });
      await runAll([...known.values()], context.signal);
      return {
        results: ofRequests.map((item, at) => ({ outcome: item.resultAt(`items[${at}]`) })),
      };
    },
  });
}

/** Runs all items. When the signal is aborted, it ends those that are not answered. */
async function runAll(
  items: readonly Pick<Item<ItemRequest, unknown>, "run" | "end">[],
  signal: CallSignal,
): Promise<void> {
  const waiting = items.values();
  const runInTurn = async (): Promise<void> => {
    for (const item of waiting) {
      if (signal.aborted) return;
      await item.run();
    }
  };
  const workers = Array.from({ length: Math.min(itemsAtOnce, items.length) }, runInTurn);
  await settledOrAborted(Promise.all(workers), signal);
  for (const item of items) item.end();
}

/** Resolves when the promise, which never rejects, does, or the signal is aborted. */
function settledOrAborted(promise: Promise<unknown>, signal: CallSignal): Promise<void> {
  return new Promise((resolve) => {
    const finish = (): void => {
      signal.removeEventListener("abort", finish);
      resolve();
    };
    signal.addEventListener("abort", finish);
    void promise.then(finish);
  });
}
