import type { UpstreamState } from "../../../../src/upstream/state.ts";

/** The state of an idle instance without a rate limit, with the given changes. */
export const upstreamState = (changes: Partial<UpstreamState> = {}): UpstreamState => ({
  rate: {
    perSecond: undefined,
    safePerSecond: undefined,
    phase: "unpaced",
    pausedForMs: undefined,
  },
  permitsReady: 5,
  connections: { inFlight: 0, open: 0, most: 32 },
  queue: { interactive: 0, management: 0, bulk: 0, callers: 0 },
  circuits: undefined,
  retryBudget: 50,
  ...changes,
});
