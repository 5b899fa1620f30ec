/** How many requests per second an instance is granted, as a token bucket. */

export interface QuotaRule {
  /** Tokens that flow in per second. */
  readonly ratePerSecond: number;
  /** Tokens that the bucket holds. Default: `ratePerSecond`, at least 1. */
  readonly burst?: number;
  /** `Retry-After` of the refusals, in seconds. Absent: refusals carry none. */
  readonly retryAfterSeconds?: number;
}

export interface Quota {
  /** Sets the rule of one instance, or of every instance without a rule of its own. `undefined` lifts it. Buckets start full. */
  set(rule: QuotaRule | undefined, instanceId?: string): void;
  /** Takes a token; returns the rule if there is none left, `undefined` if the request may pass. */
  refusing(instanceId: string, now: number): QuotaRule | undefined;
  /** The rules that are set; the key `*` is for all instances without their own. */
  rules(): Readonly<Record<string, QuotaRule>>;
  clear(): void;
}

interface Bucket {
  tokens: number;
  filledAt: number;
}

const anyInstance = "*";

/** Creates a quota that refuses nothing. */
export function createQuota(): Quota {
  const rules = new Map<string, QuotaRule>();
  const buckets = new Map<string, Bucket>();

  const burstOf = ({ burst, ratePerSecond }: QuotaRule): number =>
    burst ?? Math.max(1, ratePerSecond);

  return {
    set(rule, instanceId = anyInstance) {
      if (rule === undefined) rules.delete(instanceId);
      else rules.set(instanceId, rule);
      if (instanceId === anyInstance) buckets.clear();
      else buckets.delete(instanceId);
    },
    refusing(instanceId, now) {
      const rule = rules.get(instanceId) ?? rules.get(anyInstance);
      if (rule === undefined) return undefined;
      const burst = burstOf(rule);
      const bucket = buckets.get(instanceId) ?? { tokens: burst, filledAt: now };
      buckets.set(instanceId, bucket);
      const elapsedSeconds = Math.max(0, now - bucket.filledAt) / 1000;
      bucket.tokens = Math.min(burst, bucket.tokens + elapsedSeconds * rule.ratePerSecond);
      bucket.filledAt = now;
      if (bucket.tokens < 1) return rule;
      bucket.tokens -= 1;
      return undefined;
    },
    rules: () => Object.fromEntries(rules),
    clear() {
      rules.clear();
      buckets.clear();
    },
  };
}
