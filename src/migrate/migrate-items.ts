/** Migrates items at the same time and hands out their outcomes in the order of the input. */
import type { InputLine } from "./lines/input.ts";
import type { MigrationItem } from "./lines/item.ts";
import type { MigrationOutcome } from "./rewrap-item.ts";

/** An item and its end. */
export interface MigrationResult {
  readonly item: MigrationItem;
  readonly outcome: MigrationOutcome;
}

/** Options of `migrateItems`. */
export interface MigrateItemsOptions {
  readonly lines: AsyncIterable<InputLine>;
  /** Number of lines that were migrated earlier. */
  readonly skip: number;
  readonly toItem: (line: InputLine) => MigrationItem;
  readonly rewrap: (item: MigrationItem) => Promise<MigrationOutcome>;
  /** Items in progress at most. */
  readonly concurrency: number;
  /**
   * Receives each outcome, in the order of the input, one at a time. `false` ends the migration:
   * later outcomes are dropped.
   */
  readonly onResult: (result: MigrationResult) => Promise<boolean>;
  /** Called when no outcome is needed any more. Ends the items that are still in progress. */
  readonly abandon: () => void;
}

/**
 * Outcomes that wait for an earlier item, per item in progress. They are ciphertexts, and bound
 * what a crash makes the next run repeat.
 */
const windowFactor = 8;

/** Whether no item after this one should be started. */
const isEnd = ({ kind }: MigrationOutcome): boolean =>
  kind === "refused" || kind === "exhausted" || kind === "interrupted";

/** Resolves when all items have been handed out, or `onResult` has ended it. */
export async function migrateItems(options: MigrateItemsOptions): Promise<void> {
  const { lines, skip, toItem, rewrap, concurrency, onResult } = options;
  const pending: Promise<MigrationResult>[] = [];
  const running = new Set<Promise<unknown>>();
  let isEnding = false;

  const start = (line: InputLine): void => {
    const item = toItem(line);
    const result = rewrap(item).then((outcome) => {
      isEnding ||= isEnd(outcome);
      return { item, outcome };
    });
    pending.push(result);
    const leave = (): boolean => running.delete(settled);
    const settled: Promise<boolean> = result.then(leave, leave);
    running.add(settled);
  };
  const handOut = async (): Promise<boolean> => {
    const result = pending.shift();
    return result === undefined || onResult(await result);
  };

  try {
    for await (const line of lines) {
      if (line.number <= skip) continue;
      if (isEnding) break;
      while (pending.length >= concurrency * windowFactor) if (!(await handOut())) return;
      while (running.size >= concurrency) await Promise.race(running);
      start(line);
    }
    while (pending.length > 0) if (!(await handOut())) return;
  } finally {
    // Nothing may use the connection after this.
    options.abandon();
    await Promise.allSettled(running);
  }
}
