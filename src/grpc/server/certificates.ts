/** Reads and checks the PEM files of the TCP listeners. */
import { checkServerPem, type ServerPemFacts } from "../../platform/files/pem.ts";
import { readSmallFile } from "../../platform/files/small-file.ts";

/** Paths of PEM files. */
export interface CertificateFiles {
  /** The certificate, followed by its intermediate certificates. */
  readonly certFile: string;
  readonly keyFile: string;
  /** If present, callers must present a certificate issued by one of these authorities. */
  readonly clientCaFile: string | undefined;
}

/** A checked set of certificates. */
export interface CertificateSet extends ServerPemFacts {
  readonly cert: string;
  readonly key: string;
}

/**
 * Reads a set of certificates. Rejects if a file cannot be read or parsed, the key does not belong
 * to the certificate, the certificate is not valid at `wallNow`, or a client CA is not an
 * authority. The error texts name files, never their contents.
 */
export async function readCertificates(
  files: CertificateFiles,
  wallNow: number,
): Promise<CertificateSet> {
  const { certFile, keyFile, clientCaFile } = files;
  const paths = [certFile, keyFile, ...(clientCaFile === undefined ? [] : [clientCaFile])];
  const texts = new Map<string, string>();
  for (const path of paths) texts.set(path, (await readSmallFile(path)).toString());
  return toCertificates(files, (path) => texts.get(path) ?? "", wallNow);
}

/** Checks the texts of files as `readCertificates` does. Throws instead of rejecting. */
export function toCertificates(
  { certFile, keyFile, clientCaFile }: CertificateFiles,
  textOf: (path: string) => string,
  wallNow: number,
): CertificateSet {
  const pemOf = (path: string) => ({ name: path, text: textOf(path) });
  const [cert, key] = [pemOf(certFile), pemOf(keyFile)];
  const clientCa = clientCaFile === undefined ? undefined : pemOf(clientCaFile);
  const facts = checkServerPem({ cert, key, clientCa }, wallNow);
  return { cert: cert.text, key: key.text, ...facts };
}
