/** The one way in which the gateway notices that a file has changed: it looks every few seconds. */
import type { Clock, Timer } from "../clock.ts";
import { areSameStamps, stampsOf } from "./file-snapshot.ts";

/** Options of `watchFiles`. */
export interface FileWatchOptions {
  /** The files in use, with their stamps at that time. Asked at each look. */
  readonly present: () => ReadonlyMap<string, string>;
  /** Whether files are to be used again although they have not changed, as after a failure. */
  readonly isRetryDue: () => boolean;
  /** Called when a change has come to rest, or a retry is due. Must not reject. */
  readonly onChange: () => Promise<void>;
  readonly clock: Pick<Clock, "after">;
  /** Time between two looks, in milliseconds. Default 10,000. */
  readonly pollMs?: number | undefined;
}

/**
 * Time for which a changed file has to stay as it is, in milliseconds: a program that writes it in
 * place may not have finished.
 */
const settleMs = 1_000;

/** A file that changes all the time is used after this many looks. */
const mostLooks = 5;

/**
 * Looks at the files until it is disposed of. It polls: notifications of the system do not work on
 * every kind of volume, and none comes for a file that does not exist yet. If the file system
 * hangs, the looks stop, and nothing else does.
 */
export function watchFiles(options: FileWatchOptions): Disposable {
  const { present, isRetryDue, onChange, clock, pollMs = 10_000 } = options;
  let seen: ReadonlyMap<string, string> | undefined;
  let looks = 0;
  let timer: Timer | undefined;
  let isDisposed = false;

  /** Returns the time until the next look. */
  const look = async (): Promise<number> => {
    const inUse = present();
    const now = await stampsOf(inUse.keys());
    const isSame = areSameStamps(inUse, now);
    const isAtRest =
      isSame || looks >= mostLooks || (seen !== undefined && areSameStamps(seen, now));
    seen = now;
    looks = isSame ? 0 : looks + 1;
    if (!isAtRest) return settleMs;
    looks = 0;
    if (!isDisposed && (!isSame || isRetryDue())) await onChange();
    return pollMs;
  };
  const schedule = (ms: number): void => {
    if (isDisposed) return;
    timer = clock.after(ms, () => void look().then(schedule));
  };
  schedule(pollMs);
  return {
    [Symbol.dispose]() {
      isDisposed = true;
      timer?.cancel();
    },
  };
}
