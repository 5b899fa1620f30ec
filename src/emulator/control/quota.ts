/** Request quotas of instances, as token buckets. */

/** The quota of an instance. */
export interface QuotaRule {
  /** Tokens added per second. */
  readonly ratePerSecond: number;
  /** Capacity of the bucket, in tokens. Default: `ratePerSecond`, at least 1. */
  readonly burst?: number;
  /** `Retry-After` of 429 answers, in seconds. Default: no such header. */
  readonly retryAfterSeconds?: number;
}

/** The quotas of an emulator. */
export interface Quota {
  /**
   * Sets the rule of one instance, or of every instance without a rule of its own. `undefined`
   * removes the rule. Buckets start full.
   */
  set(rule: QuotaRule | undefined, instanceId?: string): void;
  /** Takes a token. Returns the exceeded rule if no token is left, otherwise `undefined`. */
  exceeded(instanceId: string, now: number): QuotaRule | undefined;
  /** The rules by instance ID. The key `*` holds the rule for all other instances. */
  rules(): Readonly<Record<string, QuotaRule>>;
  /** Removes all rules. */
  clear(): void;
}

interface Bucket {
  tokens: number;
  filledAt: number;
}

const anyInstance = "*";

/** Creates quotas without a rule: no request is rejected. */
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
    exceeded(instanceId, now) {
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
