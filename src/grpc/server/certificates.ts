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
  readonly cert: Buffer;
  readonly key: Buffer;
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
  const [cert, key, clientCa] = await Promise.all([
    readSmallFile(certFile),
    readSmallFile(keyFile),
    clientCaFile === undefined ? undefined : readSmallFile(clientCaFile),
  ]);
  const facts = checkServerPem(
    {
      cert: { name: certFile, text: cert },
      key: { name: keyFile, text: key },
      clientCa:
        clientCaFile === undefined || clientCa === undefined
          ? undefined
          : { name: clientCaFile, text: clientCa },
    },
    wallNow,
  );
  return { cert, key, ...facts };
}
