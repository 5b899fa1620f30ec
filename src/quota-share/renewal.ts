/** When a member asks for its next lease. */
import type { Lease, LeaseRequest } from "./lease.ts";

const usualMs = 1_000;
/** While the other members have not yet made room for the whole share. */
const waitingMs = 250;
/** The other members get what this one gave up once it confirms that it heard so. */
const confirmMs = 20;

/** Milliseconds from a reply, or its absence, to the next request. `random` is in [0, 1). */
export function renewalMs(
  { hasPerSecond }: LeaseRequest,
  lease: Lease | undefined,
  random: () => number,
): number {
  const usually = usualMs * (0.9 + 0.2 * random());
  if (lease === undefined) return usually;
  if (lease.ratePerSecond < 0.98 * hasPerSecond) return confirmMs;
  const { ratePerSecond, sharePerSecond } = lease;
  // Parts are whole requests per second.
  const isPart = ratePerSecond < Math.max(0.9 * sharePerSecond, sharePerSecond - 0.5);
  return isPart ? waitingMs : usually;
}
