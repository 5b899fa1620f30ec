/** A `QuotaUpstream` in a process of its own. */
import {
  startQuotaUpstream,
  type ArrivalCounts,
  type QuotaUpstreamOptions,
} from "./quota-upstream.ts";
import { serveWorker } from "./serve-worker.ts";
import type { QuotaUpstream } from "./quota-upstream.ts";

/** Where an upstream is reached, and as whom. */
export type UpstreamPlace = Pick<QuotaUpstream, "url" | "instanceId" | "apiKey" | "keyId">;

export type UpstreamQuestions = {
  readonly start: { given: QuotaUpstreamOptions; answer: UpstreamPlace };
  readonly counts: { given: null; answer: ArrivalCounts };
  readonly setQuota: { given: number; answer: void };
  readonly setDead: { given: boolean; answer: void };
};

let started: QuotaUpstream | undefined;
const upstream = (): QuotaUpstream => {
  if (started === undefined) throw new Error("not started yet");
  return started;
};

serveWorker<UpstreamQuestions>({
  async start(options) {
    started = await startQuotaUpstream(options);
    const { url, instanceId, apiKey, keyId } = started;
    return { url, instanceId, apiKey, keyId };
  },
  counts: () => upstream().counts(),
  setQuota: (perSecond) => upstream().setQuota(perSecond),
  setDead: (isDead) => upstream().setDead(isDead),
});
