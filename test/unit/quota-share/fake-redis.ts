import type { LeaseRequest } from "../../../src/quota-share/lease.ts";
import { createModelGroup, lend } from "../../support/lease-model.ts";

const text = (value: number): number | "" => (value === Number.POSITIVE_INFINITY ? "" : value);
const optional = (value: string | number | undefined): number | undefined =>
  value === "" || value === undefined ? undefined : Number(value);

/** A Redis that runs the model of the lease script. */
export function createFakeRedis(clock: { now(): number }) {
  const group = createModelGroup();
  const requests: LeaseRequest[] = [];
  let left = 0;
  const redis = {
    isReady: true,
    answer: (): Promise<void> => Promise.resolve(),
    async eval(
      _script: unknown,
      _keys: readonly string[],
      args: readonly (string | number)[],
    ): Promise<unknown> {
      if (args.length === 1) return (left += 1);
      const epoch = optional(args[8]);
      const request: LeaseRequest = {
        memberId: String(args[0]),
        wantsPerSecond: Number(args[1]),
        hasPerSecond: Number(args[2]),
        acceptedPerSecond: Number(args[3]),
        ceilingPerSecond: optional(args[4]),
        seedPerSecond: optional(args[5]),
        isSearching: args[6] === 1,
        throttledPerSecond: Number(args[9]),
        refusedEpoch: epoch,
        longestHoldMs: Number(args[10]),
      };
      requests.push(request);
      await redis.answer();
      const lease = lend(group, request, 1_000_000 + Math.floor(clock.now()), 3_000);
      return [text(lease.rate), lease.members, text(lease.quota), lease.epoch, text(lease.share)];
    },
  };
  return { redis, group, requests, left: () => left };
}
