/**
 * Certificates of the TCP listeners: read from files, checked as a set, replaced when the files change. grpc-js has a file watcher
 * of its own, but there one failed read leaves the listener without credentials, and its updates drop the TLS version and the
 * ciphers that were set.
 */
import { ServerCredentials } from "@grpc/grpc-js";
import { stat } from "node:fs/promises";
import type { SecureContextOptions } from "node:tls";
import type { Logger } from "pino";
import type { Clock, Timer } from "../../platform/clock.ts";
import { readCertificates } from "./certificates.ts";
import type { CertificateFiles, CertificateSet } from "./certificates.ts";

/** What `startCertificates` works with. */
export interface CertificatesOptions extends CertificateFiles {
  readonly clock: Clock;
  readonly logger: Logger;
  /** How often the files are looked at, in milliseconds. Default 10,000. */
  readonly pollMs?: number;
}

/** Certificates that follow their files. Disposing of them stops that. */
export interface Certificates extends Disposable {
  /** For `Server.bindAsync`. With a client CA, callers without a certificate issued by it are refused in the handshake. */
  readonly credentials: ServerCredentials;
  /** When the certificate in use expires, in milliseconds since the Unix epoch. */
  readonly expiresAt: number;
}

/**
 * AEAD with forward secrecy only: HTTP/2 forbids the other TLS 1.2 suites (RFC 9113, appendix A), and clients may end the
 * connection if one is chosen.
 */
const ciphers = [
  "TLS_AES_128_GCM_SHA256",
  "TLS_AES_256_GCM_SHA384",
  "TLS_CHACHA20_POLY1305_SHA256",
  "ECDHE-ECDSA-AES128-GCM-SHA256",
  "ECDHE-RSA-AES128-GCM-SHA256",
  "ECDHE-ECDSA-AES256-GCM-SHA384",
  "ECDHE-RSA-AES256-GCM-SHA384",
  "ECDHE-ECDSA-CHACHA20-POLY1305",
  "ECDHE-RSA-CHACHA20-POLY1305",
].join(":");

/** A connection that has not finished its handshake by then is closed: it would hold up a shutdown. */
const handshakeTimeoutMs = 10_000;

/**
 * Reads the certificates and follows their files. Rejects if they cannot be used. Afterwards a set that cannot be used is
 * logged and changes nothing; a good one holds for new connections, while those that are open live on.
 */
export async function startCertificates(options: CertificatesOptions): Promise<Certificates> {
  const { clock, logger, pollMs = 10_000 } = options;
  let version = await versionOf(options);
  let current = await readCertificates(options, clock.wallNow());
  let refused: string | undefined;
  const credentials = new ReplaceableCredentials(
    contextOf(current),
    options.clientCaFile !== undefined,
  );

  const refresh = async (): Promise<void> => {
    let found: string | undefined;
    try {
      // Taken before the files are read: what changes while they are read is noticed next time.
      found = await versionOf(options);
      if (found === version) return;
      const next = await readCertificates(options, clock.wallNow());
      credentials.replace(contextOf(next));
      [current, version, refused] = [next, found, undefined];
      logger.info({ expiresAt: new Date(next.expiresAt).toISOString() }, "certificates replaced");
    } catch (error) {
      // Tried again each time, as it may be a certificate from the near future, but said once.
      const attempt = found ?? "unreadable";
      if (attempt !== refused) {
        logger.error(
          { err: error },
          "certificates have changed but cannot be used; keeping the last good ones",
        );
      }
      refused = attempt;
    }
  };

  let isDisposed = false;
  let timer: Timer | undefined;
  const poll = async (): Promise<void> => {
    await refresh();
    if (!isDisposed) schedule();
  };
  const schedule = (): void => {
    timer = clock.after(pollMs, () => void poll());
  };
  schedule();

  return {
    credentials,
    get expiresAt() {
      return current.expiresAt;
    },
    [Symbol.dispose]() {
      isDisposed = true;
      timer?.cancel();
    },
  };
}

/** Every option that is to hold has to be here: Node takes what is left out for "back to the default". */
const contextOf = (set: CertificateSet): SecureContextOptions => ({
  cert: set.cert,
  key: set.key,
  ...(set.clientCa && { ca: [...set.clientCa] }),
  minVersion: "TLSv1.2",
  ciphers,
});

/** Changes whenever one of the files is written or replaced, also through a symbolic link. */
async function versionOf({ certFile, keyFile, clientCaFile }: CertificateFiles): Promise<string> {
  const paths = [certFile, keyFile, ...(clientCaFile === undefined ? [] : [clientCaFile])];
  const versions = paths.map(async (path) => {
    const { dev, ino, size, mtimeNs, ctimeNs } = await stat(path, { bigint: true });
    return [dev, ino, size, mtimeNs, ctimeNs].join(":");
  });
  return (await Promise.all(versions)).join(" ");
}

/** Server credentials whose certificates can be replaced while the server listens. */
class ReplaceableCredentials extends ServerCredentials {
  constructor(context: SecureContextOptions, requiresClientCertificate: boolean) {
    super(
      {
        requestCert: requiresClientCertificate,
        rejectUnauthorized: requiresClientCertificate,
        handshakeTimeout: handshakeTimeoutMs,
      },
      context,
    );
  }

  replace(context: SecureContextOptions): void {
    this.updateSecureContextOptions(context);
  }

  override _equals(other: ServerCredentials): boolean {
    return this === other;
  }
}
