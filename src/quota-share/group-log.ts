/** Logs how a member shares its quota, and what of it an operator should know. */
import type { Logger } from "pino";
import type { ShareKind } from "./fallback-share.ts";
import type { Lease } from "./lease.ts";

/** Logs each change once. Times are milliseconds of the monotonic clock. */
export interface GroupLog {
  /** Takes note of the source of the rate and of the newest lease, if there was one. */
  follow(kind: ShareKind, ratePerSecond: number, lease: Lease | undefined, now: number): void;
  /** Members that the group keeps room for although it does not hear them. */
  readonly unheard: number;
  /** Whether the configuration of this member differs from that of another. */
  readonly isDisputed: boolean;
}

/** Replicas that start or are replaced one after the other are no news. */
const patienceMs = 10_000;

/**
 * Creates the log of a member with this ceiling. The members may disagree while a changed
 * configuration is rolled out; the group then goes by its lowest ceiling.
 */
export function createGroupLog(logger: Logger, ceilingPerSecond: number | undefined): GroupLog {
  let loggedKind: ShareKind | undefined;
  let unheard = 0;
  let incompleteSince: number | undefined;
  let isMissingLogged = false;
  let isDisputed = false;

  function followGroup({ members, size, ...lease }: Lease, now: number): void {
    unheard = Math.max(0, size - members);
    incompleteSince = unheard === 0 ? undefined : (incompleteSince ?? now);
    const isMissing = incompleteSince !== undefined && now - incompleteSince >= patienceMs;
    if (isMissing !== isMissingLogged && (isMissing || unheard === 0)) {
      isMissingLogged = isMissing;
      const line = { members, replicas: size };
      if (isMissing) logger.warn(line, "the group keeps room for replicas that it does not hear");
      else logger.info(line, "the group hears all replicas");
    }
    const isOther = lease.ceilingPerSecond !== ceilingPerSecond;
    if (isOther && !isDisputed) {
      const line = { ceilingPerSecond, agreedPerSecond: lease.ceilingPerSecond };
      logger.warn(line, "the replicas disagree about the ceiling; the lowest one applies");
    }
    isDisputed = isOther;
  }

  return {
    follow(kind, ratePerSecond, lease, now) {
      if (kind !== loggedKind) {
        loggedKind = kind;
        const line = { kind, ratePerSecond, members: lease?.members };
        if (kind === "lease") logger.info(line, "the quota is shared by lease");
        else logger.warn(line, "the quota is shared without Redis");
      }
      if (kind === "lease" && lease !== undefined) followGroup(lease, now);
      else incompleteSince = undefined;
    },
    get unheard() {
      return unheard;
    },
    get isDisputed() {
      return isDisputed;
    },
  };
}
