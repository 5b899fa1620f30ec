/**
 * The journal of a migration: how much of the input is done, and how much of the files counts.
 * Each record is one line that is made durable after everything it speaks of. A record that a crash
 * has torn is ignored; it can only be the last one. No record contains a ciphertext or a plaintext.
 */
import { createHash } from "node:crypto";
import { open, readFile, type FileHandle } from "node:fs/promises";
import { z } from "zod";
import { emptyExtent } from "./growing-file.ts";
import { MigrateError, migrateExitCodes, systemCodeOf } from "../migrate-error.ts";
import { createWholeFile } from "./whole-file.ts";

const count = z.number().int().nonnegative();
const digest = z.string().regex(/^[0-9a-f]{64}$/);
const extent = z.strictObject({ bytes: count, sha256: digest });

const headerForm = z.strictObject({
  format: z.literal("keyprotect-gateway-migration/1"),
  input: z.strictObject({ lines: count, sha256: digest }),
  /** The options that decide what the output contains. */
  options: z.record(z.string(), z.union([z.string(), z.boolean(), z.null()])),
});

const checkpointForm = z.strictObject({
  /** Number of lines of the input whose outcome is in the files. */
  done: count,
  output: extent,
  failures: extent,
  /** Failures by step and reason: how many, and the first lines. */
  failed: z.record(z.string(), z.strictObject({ count, lines: z.array(count) })),
  /** Whether the files are complete. They then have, or get, their final names. */
  isComplete: z.boolean(),
});

/** The subject of a migration. A journal belongs to exactly one header. */
export type JournalHeader = z.infer<typeof headerForm>;

/** One state to which a migration can go back. */
export type Checkpoint = z.infer<typeof checkpointForm>;

/** An open journal. */
export interface Journal extends AsyncDisposable {
  /** The newest state that is durable. */
  readonly last: Checkpoint;
  /** Appends a state and makes it durable. */
  record(checkpoint: Checkpoint): Promise<void>;
}

/** The state before the first item. */
export const firstCheckpoint: Checkpoint = {
  done: 0,
  output: emptyExtent,
  failures: emptyExtent,
  failed: {},
  isComplete: false,
};

const checkOf = (body: string): string =>
  createHash("sha256").update(body).digest("hex").slice(0, 16);

const toLine = (record: object): string => {
  const body = JSON.stringify(record);
  return `${checkOf(body)} ${body}\n`;
};

/** The record of a line; `undefined` if the line is torn or damaged. */
function fromLine(line: string): unknown {
  const body = line.slice(17);
  return line.startsWith(`${checkOf(body)} `) ? (JSON.parse(body) as unknown) : undefined;
}

const unusable = (path: string, why: string): MigrateError =>
  new MigrateError(migrateExitCodes.data, `${path} ${why}`);

/** The contents of a journal. */
interface JournalFacts {
  readonly header: JournalHeader;
  readonly last: Checkpoint;
  /** Length of the records, without a torn one. */
  readonly bytes: number;
}

/** Reads the text of a journal. Throws if it is damaged elsewhere than at its end. */
export function parseJournal(path: string, text: string): JournalFacts {
  const lines = text.split("\n");
  // Behind the last line end is nothing, or a torn record.
  const records = lines.slice(0, -1).map(fromLine);
  // A crash can leave a line of the full length whose contents never reached the disk.
  if (records.at(-1) === undefined) records.pop();
  const [header, ...rest] = records;
  const parsedHeader = headerForm.safeParse(header);
  if (!parsedHeader.success) throw unusable(path, "is no journal of a migration");
  let last = firstCheckpoint;
  for (const record of rest) {
    const parsed = checkpointForm.safeParse(record);
    if (!parsed.success || parsed.data.done < last.done) throw unusable(path, "is damaged");
    last = parsed.data;
  }
  const bytes = Buffer.byteLength(lines.slice(0, records.length).join("\n")) + 1;
  return { header: parsedHeader.data, last, bytes };
}

/** Names what differs between two headers. */
export function differencesOf(a: JournalHeader, b: JournalHeader): readonly string[] {
  const names = [...new Set([...Object.keys(a.options), ...Object.keys(b.options)])];
  const isSameInput = a.input.sha256 === b.input.sha256;
  return [
    ...(isSameInput ? [] : ["the contents of the input"]),
    ...names.filter((name) => a.options[name] !== b.options[name]).map((name) => `--${name}`),
  ];
}

async function readIfThere(path: string): Promise<string | undefined> {
  try {
    return await readFile(path, "utf8");
  } catch (error) {
    if (systemCodeOf(error) === "ENOENT") return undefined;
    const text = `${path} cannot be read (${systemCodeOf(error)})`;
    throw new MigrateError(migrateExitCodes.io, text, error);
  }
}

/**
 * The journal at `path` as far as it is durable. `undefined` if there is none. Throws if it belongs
 * to another migration.
 */
export async function readJournal(
  path: string,
  header: JournalHeader,
): Promise<JournalFacts | undefined> {
  const text = await readIfThere(path);
  if (text === undefined) return undefined;
  const facts = parseJournal(path, text);
  const differences = differencesOf(facts.header, header);
  if (differences.length === 0) return facts;
  throw unusable(path, `is of another migration; these differ: ${differences.join(", ")}`);
}

/** Opens the journal that was found, or a new one. */
export async function openJournal(
  path: string,
  header: JournalHeader,
  found: JournalFacts | undefined,
): Promise<Journal> {
  const start = toLine(header);
  if (found === undefined) await createWholeFile(path, start);
  let file: FileHandle;
  let position = found?.bytes ?? Buffer.byteLength(start);
  try {
    file = await open(path, "r+");
    await file.truncate(position);
  } catch (error) {
    const text = `${path} cannot be written (${systemCodeOf(error)})`;
    throw new MigrateError(migrateExitCodes.io, text, error);
  }
  let last = found?.last ?? firstCheckpoint;
  return {
    get last() {
      return last;
    },
    async record(checkpoint) {
      const bytes = Buffer.from(toLine(checkpoint));
      const { size } = await file.stat();
      if (size !== position) throw unusable(path, "was changed by something else");
      try {
        const { bytesWritten } = await file.write(bytes, 0, bytes.length, position);
        if (bytesWritten < bytes.length) throw new Error("the disk took a part only");
        await file.datasync();
      } catch (error) {
        const text = `${path} cannot be written (${systemCodeOf(error)})`;
        throw new MigrateError(migrateExitCodes.io, text, error);
      }
      position += bytes.length;
      last = checkpoint;
    },
    [Symbol.asyncDispose]: () => file.close(),
  };
}
