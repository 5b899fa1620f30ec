/** Follows the credential of a token source: whether it changes, and whether it gave a token. */
import type { Clock } from "../platform/clock.ts";

/** The knowledge about the credential of a token source. */
export interface CredentialUse {
  /** Number of the present credential. */
  readonly version: number;
  /**
   * When the present credential last gave a token, in milliseconds since the Unix epoch.
   * `undefined`: it has not given one yet.
   */
  readonly usedAt: number | undefined;
  /** Notes that another credential is in place from now on. */
  replaced(): void;
  /**
   * Notes a token that was requested with the credential of this number. Returns whether it is the
   * first of a credential that replaced another one.
   */
  gaveToken(version: number): boolean;
  /** Whether the credential's file has changed since the last exchange. Looks once a second. */
  hasChanged(): Promise<boolean>;
}

/** Dependencies of `followCredential`. */
export interface CredentialUseOptions {
  readonly clock: Pick<Clock, "now" | "wallNow">;
  /** Whether the credential has changed since the latest exchange; absent if it cannot change. */
  readonly hasCredentialChanged?: (() => Promise<boolean>) | undefined;
}

/** Least time between two looks at the file, in milliseconds. */
const lookMs = 1_000;

/** Starts to follow a credential that has not been used. */
export function followCredential(options: CredentialUseOptions): CredentialUse {
  const { clock, hasCredentialChanged } = options;
  let version = 1;
  let usedAt: number | undefined;
  let look: Promise<boolean> | undefined;
  let lookedAt = Number.NEGATIVE_INFINITY;
  return {
    get version() {
      return version;
    },
    get usedAt() {
      return usedAt;
    },
    replaced() {
      version += 1;
      usedAt = undefined;
    },
    gaveToken(used) {
      if (used !== version) return false;
      const isFirst = usedAt === undefined && version > 1;
      usedAt = clock.wallNow();
      return isFirst;
    },
    hasChanged() {
      const now = clock.now();
      if (hasCredentialChanged === undefined || now - lookedAt < lookMs) {
        return look ?? Promise.resolve(false);
      }
      lookedAt = now;
      look = hasCredentialChanged()
        .catch(() => false)
        .finally(() => {
          look = undefined;
        });
      return look;
    },
  };
}
