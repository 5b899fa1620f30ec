/** Envelope files: the format is in examples/README.md. */
import { createCipheriv, createDecipheriv, randomUUID } from "node:crypto";
import { open, rename, rm, stat, type FileHandle } from "node:fs/promises";

/** The first bytes of an envelope file, and the first string of its authenticated data. */
export const magic = "KPENVF01";
/** Plaintext bytes of a segment. Only the last one may be shorter. */
const segmentSize = 65_536;
const tagSize = 16;

/** The part before the segments. */
export interface Header {
  /** ID, alias or CRN of the root key. */
  readonly keyId: string;
  readonly wrappedDataKey: Buffer;
}

/** Encrypts a file. A data key must encrypt one file only. */
export function encryptFile(from: string, to: string, header: Header, key: Buffer): Promise<void> {
  return replaceFile(from, to, async (input, output) => {
    await output.writeFile(encodeHeader(header));
    await forEachSegment(input, segmentSize, async (segment, nonce) => {
      const cipher = createCipheriv("aes-256-gcm", key, nonce);
      const parts = [cipher.update(segment), cipher.final(), cipher.getAuthTag()];
      await output.writeFile(Buffer.concat(parts));
    });
  });
}

/** Reads the header of an envelope file. */
export async function readHeader(path: string): Promise<Header> {
  const file = await open(path);
  try {
    return await nextHeader(file);
  } finally {
    await file.close();
  }
}

/** Decrypts a file. Nothing appears at `to` unless the whole file is genuine. */
export function decryptFile(from: string, to: string, key: Buffer): Promise<void> {
  return replaceFile(from, to, async (input, output) => {
    await nextHeader(input);
    await forEachSegment(input, segmentSize + tagSize, async (segment, nonce) => {
      if (segment.length < tagSize) throw damaged();
      const decipher = createDecipheriv("aes-256-gcm", key, nonce);
      decipher.setAuthTag(segment.subarray(-tagSize));
      const plaintext = decipher.update(segment.subarray(0, -tagSize));
      try {
        decipher.final();
      } catch {
        throw damaged();
      }
      await output.writeFile(plaintext);
    });
  });
}

/** Replaces the header of a file. The segments and the file's mode stay. */
export async function replaceHeader(path: string, header: Header): Promise<void> {
  const { mode } = await stat(path);
  await replaceFile(path, path, async (input, output) => {
    await nextHeader(input);
    await output.writeFile(encodeHeader(header));
    for (;;) {
      const bytes = await readUpTo(input, segmentSize);
      if (bytes.length === 0) break;
      await output.writeFile(bytes);
    }
    await output.chmod(mode);
  });
}

function encodeHeader({ keyId, wrappedDataKey }: Header): Buffer {
  const parts = [Buffer.from(keyId), wrappedDataKey].flatMap((field) => {
    const length = Buffer.alloc(2);
    length.writeUInt16BE(field.length);
    return [length, field];
  });
  return Buffer.concat([Buffer.from(magic), ...parts]);
}

async function nextHeader(file: FileHandle): Promise<Header> {
  const start = await readUpTo(file, magic.length);
  if (start.toString("latin1") !== magic) throw new Error("not an envelope file");
  const keyId = await nextField(file);
  return { keyId: keyId.toString(), wrappedDataKey: await nextField(file) };
}

async function nextField(file: FileHandle): Promise<Buffer> {
  const length = await readUpTo(file, 2);
  if (length.length < 2) throw damaged();
  const field = await readUpTo(file, length.readUInt16BE());
  if (field.length < length.readUInt16BE()) throw damaged();
  return field;
}

/** Reads segments of `size` bytes, and tells the last one by its nonce. */
async function forEachSegment(
  file: FileHandle,
  size: number,
  use: (segment: Buffer, nonce: Buffer) => Promise<void>,
): Promise<void> {
  let segment = await readUpTo(file, size);
  for (let number = 0n; ; number += 1n) {
    const next = await readUpTo(file, size);
    const nonce = Buffer.alloc(12);
    nonce.writeBigUInt64BE(number, 3);
    nonce[11] = next.length === 0 ? 1 : 0;
    await use(segment, nonce);
    if (next.length === 0) return;
    segment = next;
  }
}

/** Reads `size` bytes, or fewer at the end of the file. */
async function readUpTo(file: FileHandle, size: number): Promise<Buffer> {
  const buffer = Buffer.alloc(size);
  let length = 0;
  while (length < size) {
    const { bytesRead } = await file.read(buffer, length, size - length);
    if (bytesRead === 0) break;
    length += bytesRead;
  }
  return buffer.subarray(0, length);
}

/** Writes a new file beside `to`, readable by its owner alone, and renames it when it is whole. */
async function replaceFile(
  from: string,
  to: string,
  write: (input: FileHandle, output: FileHandle) => Promise<void>,
): Promise<void> {
  const temporary = `${to}.${randomUUID()}.tmp`;
  const input = await open(from);
  try {
    const output = await open(temporary, "wx", 0o600);
    try {
      await write(input, output);
      await output.sync();
    } finally {
      await output.close();
    }
    await rename(temporary, to);
  } finally {
    await input.close();
    await rm(temporary, { force: true });
  }
}

const damaged = (): Error => new Error("the file is damaged or not complete");
