/** The program of a process that runs a `QuotaUpstream`. */
import {
  startQuotaUpstream,
  type ArrivalCounts,
  type QuotaUpstreamOptions,
} from "./quota-upstream.ts";
import { serveWorker } from "./serve-worker.ts";
import type { QuotaUpstream } from "./quota-upstream.ts";

/** Address and credentials of an upstream. */
export type UpstreamPlace = Pick<QuotaUpstream, "url" | "instanceId" | "apiKey" | "keyId">;

/** Questions to this process. */
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
