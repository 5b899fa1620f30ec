/** One run of a migration: checks the input, opens the files, migrates, gives the files names. */
import { createHash } from "node:crypto";
import { setMaxListeners } from "node:events";
import { constants } from "node:fs";
import { open, type FileHandle } from "node:fs/promises";
import { basename } from "node:path";
import type { Clock } from "../platform/clock.ts";
import { AsyncDisposables } from "../platform/disposable-stack.ts";
import type { MigrateArguments } from "./arguments.ts";
import { firstCheckpoint, type JournalHeader } from "./files/journal.ts";
import { openMigrationFiles, type MigrationFiles } from "./files/migration-files.ts";
import { lockJournal } from "./files/run-lock.ts";
import { connectGateway } from "./gateway/gateway-client.ts";
import { readGatewayTls } from "./gateway/read-tls.ts";
import { readLines, surveyInput, type InputFacts, type InputLine } from "./lines/input.ts";
import {
  parseItem,
  printFailed,
  printMigrated,
  type ItemFailure,
  type MigrationItem,
} from "./lines/item.ts";
import { MigrateError, migrateExitCodes, systemCodeOf } from "./migrate-error.ts";
import { migrateItems, type MigrationResult } from "./migrate-items.ts";
import { showProgress, type ProgressStream } from "./progress.ts";
import { countFailure, failedLines, type MigrationReport } from "./report.ts";
import { createRewrap } from "./rewrap-item.ts";

/** Dependencies that tests replace. */
export interface MigrateIo {
  readonly stdout: { write(text: string): unknown };
  readonly stderr: ProgressStream;
  /** Stops the migration so that it can go on later. */
  readonly signal: AbortSignal;
  readonly clock: Clock;
  /** Uniform in [0, 1). */
  readonly random: () => number;
}

/** The end of a run. */
export interface MigrationEnd {
  readonly report: MigrationReport;
  readonly exitCode: number;
}

/** Why a run ends early. */
type Stop = Pick<MigrationReport, "state" | "stoppedAt"> & { readonly exitCode: number };

/** A crash makes the next run repeat as much as was done since the last checkpoint. */
const checkpointItems = 500;
const checkpointMs = 1_000;

async function openInput(path: string): Promise<FileHandle> {
  const unusable = (why: string, cause?: unknown): MigrateError =>
    new MigrateError(migrateExitCodes.noInput, `${path} cannot be read (${why})`, cause);
  let file: FileHandle;
  try {
    // Without `O_NONBLOCK`, opening a FIFO waits until another process writes to it.
    file = await open(path, constants.O_RDONLY | constants.O_NONBLOCK);
  } catch (error) {
    throw unusable(systemCodeOf(error), error);
  }
  if ((await file.stat()).isFile()) return file;
  await file.close();
  throw unusable("it is not a regular file, and the input is read more than once");
}

/** Checks the whole input, before anything is sent. */
async function checkInput(file: FileHandle, args: MigrateArguments): Promise<InputFacts> {
  const { problems, wrong, ...facts } = await surveyInput(file, args.places);
  if (wrong === 0) return facts;
  const rows = problems.map(({ line, problem }) => `  line ${line}: ${problem}`);
  const more = wrong > problems.length ? [`  and ${wrong - problems.length} more lines`] : [];
  const title = `${args.files.input} has ${wrong} wrong ${wrong === 1 ? "line" : "lines"}:`;
  throw new MigrateError(migrateExitCodes.data, [title, ...rows, ...more].join("\n"));
}

/** Only the options that decide what the files contain. The others may change between runs. */
function headerOf(args: MigrateArguments, { lines, sha256 }: InputFacts): JournalHeader {
  const { source, target } = args.places;
  return {
    format: "keyprotect-gateway-migration/1",
    input: { lines, sha256 },
    options: {
      "source-instance": source.instance ?? null,
      "source-key": source.key ?? null,
      "target-instance": target.instance ?? null,
      "target-key": target.key ?? null,
      "key-ring": args.keyRing ?? null,
      "no-verify": !args.isVerified,
      output: basename(args.files.output),
      failures: basename(args.files.failures),
    },
  };
}

/** Names the failed line for the operator. */
function describeFailure(line: number, failure: ItemFailure): string {
  const { step, status, reason, message, correlationId } = failure;
  const what = [status, reason].filter((part) => part !== "").join(" ");
  const id = correlationId === "" ? "" : ` (correlation ID ${correlationId})`;
  return `line ${line}, ${step}: ${what}: ${message}${id}`;
}

/** Whether and why an outcome ends the run. */
function stopOf({ item, outcome }: MigrationResult, stopsAtFailure: boolean): Stop | undefined {
  const { temporary, refused, someFailed } = migrateExitCodes;
  if (outcome.kind === "interrupted") {
    return { state: "interrupted", exitCode: temporary, stoppedAt: undefined };
  }
  if (outcome.kind === "migrated" || outcome.kind === "readable") return undefined;
  const stoppedAt = describeFailure(item.line, outcome.failure);
  if (outcome.kind === "refused") return { state: "refused", exitCode: refused, stoppedAt };
  if (outcome.kind === "exhausted") return { state: "given up", exitCode: temporary, stoppedAt };
  return stopsAtFailure
    ? { state: "stopped at a failure", exitCode: someFailed, stoppedAt }
    : undefined;
}

/** Migrates what is left of the input. */
async function work(
  args: MigrateArguments,
  io: MigrateIo,
  { file, facts, files }: { file: FileHandle; facts: InputFacts; files?: MigrationFiles },
): Promise<MigrationEnd> {
  const { clock } = io;
  const start = files?.start ?? firstCheckpoint;
  const startedAt = clock.now();
  let { done, failed } = start;
  let checkpoint = { done, at: startedAt };
  let stop: Stop | undefined;
  let repeats = 0;
  const stream = args.isQuiet ? { write: () => {} } : io.stderr;
  using progress = showProgress({ stream, total: facts.lines, doneBefore: done, clock });
  const ending = new AbortController();
  const signal = AbortSignal.any([io.signal, ending.signal]);
  // One listener per call in progress, which is no leak.
  setMaxListeners(0, signal);
  const tls = args.tls && readGatewayTls(args.tls, clock.wallNow());
  const { address, keyRing, deadlineMs } = args;
  const gateway = connectGateway({ address, tls, keyRing, deadlineMs });
  const hash = createHash("sha256");

  const changed = (): MigrateError =>
    new MigrateError(migrateExitCodes.data, `${args.files.input} changed during the migration`);
  const toItem = ({ number, text }: InputLine): MigrationItem => {
    const item = text === undefined ? undefined : parseItem(number, text, args.places);
    if (item === undefined || "problems" in item) throw changed();
    return item;
  };
  const onResult = async (result: MigrationResult): Promise<boolean> => {
    const { item, outcome } = result;
    stop = stopOf(result, args.stopsAtFailure && !args.isDryRun);
    if (stop !== undefined) return false;
    if (outcome.kind === "migrated") await files?.append("output", printMigrated(item, outcome));
    if (outcome.kind === "failed") {
      failed = countFailure(failed, item.line, outcome.failure);
      await files?.append("failures", printFailed(item, outcome.failure));
    }
    done = item.line;
    progress.update(done, failedLines(failed));
    const now = clock.now();
    if (done - checkpoint.done >= checkpointItems || now - checkpoint.at >= checkpointMs) {
      checkpoint = { done, at: now };
      await files?.checkpoint({ done, failed });
    }
    return true;
  };

  try {
    await migrateItems({
      lines: readLines(file, (bytes) => hash.update(bytes)),
      skip: start.done,
      toItem,
      rewrap: createRewrap({
        gateway,
        clock,
        random: io.random,
        signal,
        isVerified: args.isVerified,
        isDryRun: args.isDryRun,
        giveUpMs: args.giveUpMs,
        onRepeat: (step, failure) => {
          repeats += 1;
          progress.waiting(step, failure);
        },
      }),
      concurrency: args.concurrency,
      onResult,
      abandon: () => ending.abort(),
    });
    if (stop === undefined && hash.digest("hex") !== facts.sha256) throw changed();
    if (stop === undefined) await files?.complete({ done, failed });
    else await files?.checkpoint({ done, failed });
  } finally {
    gateway.close();
  }
  const { complete, someFailed } = migrateExitCodes;
  const exitCode = stop?.exitCode ?? (failedLines(failed) > 0 ? someFailed : complete);
  const report = {
    state: stop?.state ?? (args.isDryRun ? "dry run" : "complete"),
    stoppedAt: stop?.stoppedAt,
    lines: facts.lines,
    done,
    doneBefore: start.done,
    failed,
    repeats,
    isVerified: args.isVerified,
    seconds: (clock.now() - startedAt) / 1_000,
    files: files && { output: args.files.output, failures: args.files.failures },
  };
  return { report, exitCode };
}

/** Runs a migration. Rejects with a `MigrateError` if it cannot begin or cannot go on. */
export async function runMigration(args: MigrateArguments, io: MigrateIo): Promise<MigrationEnd> {
  await using opened = new AsyncDisposables();
  const file = await openInput(args.files.input);
  opened.add({ [Symbol.asyncDispose]: () => file.close() });
  const facts = await checkInput(file, args);
  if (args.isDryRun) return await work(args, io, { file, facts });
  opened.add(await lockJournal(args.files.journal));
  const files = await openMigrationFiles(args.files, headerOf(args, facts));
  if ("append" in files) return await work(args, io, { file, facts, files: opened.add(files) });
  const { done, failed } = files;
  const { complete, someFailed } = migrateExitCodes;
  return {
    exitCode: failedLines(failed) > 0 ? someFailed : complete,
    report: {
      state: "complete",
      stoppedAt: undefined,
      lines: facts.lines,
      done,
      doneBefore: done,
      failed,
      repeats: 0,
      isVerified: args.isVerified,
      seconds: 0,
      files: { output: args.files.output, failures: args.files.failures },
    },
  };
}
