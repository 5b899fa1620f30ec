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
    /** Runs the script for a request that has reached Redis, and returns its reply. */
    serve(request: LeaseRequest): unknown[] {
      const now = 1_000_000 + Math.floor(clock.now());
      const lease = lend(group, request, now, 3_000);
      const { members, epoch, size } = lease;
      const [rate, quota, share, ceiling = "", lent, window, slice] = [
        lease.rate,
        lease.quota,
        lease.share,
        lease.ceiling,
        lease.lent,
        lease.window,
        lease.sliceWindow,
      ].map((value) => value && text(value));
      return [rate, members, quota, epoch, share, now, ceiling, size, lent, window, slice];
    },
    async eval(
      _script: unknown,
      _keys: readonly string[],
      args: readonly (string | number)[],
    ): Promise<unknown> {
      if (args.length === 1) {
        group.members.delete(String(args[0]));
        return (left += 1);
      }
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
        needsPerSecond: Number(args[11]),
        replicas: Number(args[12]),
        heardAt: optional(args[13]),
        ageMs: Number(args[14]),
        sequence: Number(args[15]),
      };
      requests.push(request);
      await redis.answer();
      return redis.serve(request);
    },
  };
  return { redis, group, requests, left: () => left };
}
