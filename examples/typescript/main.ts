/**
 * Encrypts and decrypts files with data keys of Key Protect. examples/README.md has the arguments,
 * the environment variables and the format of the files.
 */
import { decryptFile, encryptFile, magic, readHeader, replaceHeader } from "./envelope-file.ts";
import { connect, describe, isServiceError, UsageError, type Gateway } from "./gateway.ts";

const usage = `usage: main.ts encrypt <key-id> <in> <out>
       main.ts decrypt <in> <out>`;

/** Bound to the wrapped data key: to unwrap it, Key Protect demands the same strings. */
const context = process.env["ENVELOPE_CONTEXT"] ?? "";
const additionalAuthenticatedData = context === "" ? [magic] : [magic, context];

const messageOf = (error: unknown): string =>
  error instanceof Error ? error.message : String(error);

async function encrypt(gateway: Gateway, keyId: string, from: string, to: string): Promise<void> {
  const { plaintext: dataKey, ciphertext: wrappedDataKey } = await gateway.generateDataKey({
    keyId,
    additionalAuthenticatedData,
    omitPlaintext: false,
  });
  try {
    await encryptFile(from, to, { keyId, wrappedDataKey }, dataKey);
  } finally {
    dataKey.fill(0);
  }
  console.log(`encrypted ${from} into ${to}`);
}

async function decrypt(gateway: Gateway, from: string, to: string): Promise<void> {
  const { keyId, wrappedDataKey } = await readHeader(from);
  const { plaintext: dataKey, rewrappedCiphertext } = await gateway.unwrapKey({
    keyId,
    ciphertext: wrappedDataKey,
    additionalAuthenticatedData,
  });
  try {
    await decryptFile(from, to, dataKey);
  } finally {
    dataKey.fill(0);
  }
  console.log(`decrypted ${from} into ${to}`);
  // The root key was rotated: the file gets the data key as the newest version wrapped it.
  if (rewrappedCiphertext.length === 0) return;
  try {
    await replaceHeader(from, { keyId, wrappedDataKey: rewrappedCiphertext });
    console.log(`rewrapped the data key of ${from}`);
  } catch (error) {
    console.error(`cannot rewrap the data key of ${from}: ${messageOf(error)}`);
  }
}

async function main([command, ...args]: readonly string[]): Promise<void> {
  const [first = "", second = "", third = ""] = args;
  const isEncrypt = command === "encrypt" && args.length === 3;
  if (!isEncrypt && !(command === "decrypt" && args.length === 2)) throw new UsageError(usage);
  const gateway = connect(process.env);
  try {
    if (isEncrypt) await encrypt(gateway, first, second, third);
    else await decrypt(gateway, first, second);
  } finally {
    gateway.close();
    console.error(`correlation ID: ${gateway.correlationId}`);
  }
}

try {
  await main(process.argv.slice(2));
} catch (error) {
  console.error(isServiceError(error) ? describe(error) : messageOf(error));
  process.exitCode = error instanceof UsageError ? 2 : 1;
}
