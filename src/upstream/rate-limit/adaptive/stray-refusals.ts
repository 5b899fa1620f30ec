/**
 * Refusals that say nothing about the rate. However an upstream counts, once it has refused a
 * request it accepts no more than its quota on average. If it refuses requests at a rate that is
 * below what it has accepted on average since, pauses included, then the quota is not the cause,
 * but a proxy or other users of the instance, and a still lower rate gains nothing.
 */

import { rateConstants } from "./constants.ts";

/** Learns the share of stray refusals, and tells which refusals are within it. */
export interface StrayRefusals {
  /** Records an accepted request. */
  accept(): void;
  /** Sets whether refusals have lowered the rate that is held. */
  follow(isLowered: boolean): void;
  /** Records a refusal at a rate. Returns whether it is within the share that was learned. */
  isStray(now: number, perSecond: number): boolean;
  /** Records a pause. */
  pause(now: number, until: number): void;
}

const {
  strayCertainty: certainty,
  leastStrayShare: leastShare,
  strayTolerance: tolerance,
  mostStrayShare: mostTolerated,
  mostStraysInRow: mostInRow,
  forgetStraysMs: forgetMs,
} = rateConstants;
/** An upstream saves up no more than a second of its quota while nothing is sent. */
const mostSavedMs = 1_000;

/** Starts without any tolerance: each refusal is about the rate. */
export function createStrayRefusals(): StrayRefusals {
  let isLowered = false;
  /** Requests since the refusal that lowered the rate first. */
  let since = { at: 0, accepted: 0, refused: 0 };
  /** The tolerated share, and the strays that it allows at present. */
  let tolerated = 0;
  let allowed = 0;
  let learnedAt = Number.NEGATIVE_INFINITY;
  let pausedUntil = Number.NEGATIVE_INFINITY;

  function learn(now: number, perSecond: number): void {
    const { at, accepted, refused } = since;
    const seconds = (now - at) / 1_000;
    // A window of a second may have begun twice more than the time has seconds.
    const average = Math.max(0, accepted - accepted / seconds) / seconds;
    const share = refused / (accepted + refused);
    if (perSecond >= average * certainty || share < leastShare) return;
    tolerated = Math.min(share * tolerance, mostTolerated);
    learnedAt = now;
  }

  return {
    accept() {
      since.accepted += 1;
      allowed += tolerated;
    },
    follow(next) {
      isLowered = next;
    },
    isStray(now, perSecond) {
      if (now - learnedAt > forgetMs) tolerated = 0;
      if (tolerated === 0) allowed = 0;
      if (isLowered) {
        since.refused += 1;
        learn(now, perSecond);
      } else since = { at: now, accepted: 0, refused: 0 };
      if (allowed < 1) return false;
      allowed = Math.min(allowed, mostInRow) - 1;
      return true;
    },
    pause(now, until) {
      const isNew = now > pausedUntil;
      const ms = until - Math.max(now, pausedUntil);
      if (ms <= 0) return;
      pausedUntil = until;
      // The time in which an upstream saves up nothing does not count.
      since.at += Math.max(0, ms - (isNew ? mostSavedMs : 0));
    },
  };
}
