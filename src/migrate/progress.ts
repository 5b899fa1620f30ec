/** Shows how far a migration is: a bar on a terminal, a line now and then elsewhere. */
import type { Clock } from "../platform/clock.ts";
import type { CallFailure } from "./gateway/call-failure.ts";

/** Where progress is written. */
export interface ProgressStream {
  readonly isTTY?: boolean;
  readonly columns?: number;
  write(text: string): unknown;
}

/** Shows progress. Disposing of it ends the bar. */
export interface Progress extends Disposable {
  update(done: number, failed: number): void;
  /** Says that calls are being repeated; at most one line per interval off a terminal. */
  waiting(step: string, failure: CallFailure): void;
}

/** Options of `showProgress`. */
export interface ProgressOptions {
  readonly stream: ProgressStream;
  readonly total: number;
  readonly doneBefore: number;
  readonly clock: Clock;
}

const terminalMs = 200;
const lineMs = 10_000;
const barWidth = 24;

/** The time that is left, such as `1 h 4 min` or `12 s`. */
export function formatDuration(seconds: number): string {
  const whole = Math.ceil(seconds);
  if (whole < 60) return `${whole} s`;
  const minutes = Math.ceil(whole / 60);
  return minutes < 60 ? `${minutes} min` : `${Math.floor(minutes / 60)} h ${minutes % 60} min`;
}

/** Starts to show progress. Until it is disposed of, it keeps the process alive. */
export function showProgress({ stream, total, doneBefore, clock }: ProgressOptions): Progress {
  const isTerminal = stream.isTTY === true;
  const startedAt = clock.now();
  let done = doneBefore;
  let failed = 0;
  let note = "";
  let shown = "";

  const text = (): string => {
    const seconds = (clock.now() - startedAt) / 1_000;
    const rate = seconds > 0 ? (done - doneBefore) / seconds : 0;
    const share = total === 0 ? 1 : done / total;
    const filled = Math.floor(share * barWidth);
    const bar = isTerminal ? `[${"#".repeat(filled).padEnd(barWidth, "-")}] ` : "";
    const failures = failed > 0 ? `, ${failed} failed` : "";
    const left = rate > 0 && done < total ? `, ${formatDuration((total - done) / rate)} left` : "";
    const count = `${done} of ${total} (${Math.floor(share * 100)} %)`;
    return `${bar}${count}, ${Math.round(rate)}/s${left}${failures}${note}`;
  };
  const show = (): void => {
    const now = text();
    note = "";
    if (now === shown) return;
    shown = now;
    // Cut to the width of the terminal: a wrapped line could not be overwritten.
    if (isTerminal) stream.write(`\r\u001B[K${now.slice(0, (stream.columns ?? 80) - 1)}`);
    else stream.write(`${now}\n`);
  };
  // A plain interval, because the clock's timers do not keep the process alive. While the gateway
  // is away nothing else does.
  const timer = setInterval(show, isTerminal ? terminalMs : lineMs);

  return {
    update(newDone, newFailed) {
      done = newDone;
      failed = newFailed;
    },
    waiting(step, { status, reason }) {
      const isFirst = note === "";
      note = `; repeating ${step} after ${reason === "" ? status : reason}`;
      if (isFirst && !isTerminal && !shown.includes(note)) show();
    },
    [Symbol.dispose]() {
      clearInterval(timer);
      if (isTerminal) {
        show();
        stream.write("\n");
      }
    },
  };
}
