/**
 * Certificates of the TCP listeners. They are read from files, checked as a set, and replaced when
 * the files change. The file watcher of grpc-js is not used: after one failed read it leaves the
 * listener without credentials, and its updates drop the configured TLS version and ciphers.
 */
import { ServerCredentials } from "@grpc/grpc-js";
import { stat } from "node:fs/promises";
import type { SecureContextOptions } from "node:tls";
import type { Logger } from "pino";
import type { Clock, Timer } from "../../platform/clock.ts";
import { readCertificates } from "./certificates.ts";
import type { CertificateFiles, CertificateSet } from "./certificates.ts";

/** Options of `startCertificates`. */
export interface CertificatesOptions extends CertificateFiles {
  readonly clock: Clock;
  readonly logger: Logger;
  /** Interval at which the files are checked, in milliseconds. Default 10,000. */
  readonly pollMs?: number;
}

/** Certificates that are reloaded when their files change. Disposing of them stops that. */
export interface Certificates extends Disposable {
  /**
   * Argument of `Server.bindAsync`. With a client CA, the handshake rejects callers without a
   * certificate issued by it.
   */
  readonly credentials: ServerCredentials;
  /** When the certificate in use expires, in milliseconds since the Unix epoch. */
  readonly expiresAt: number;
}

/**
 * AEAD suites with forward secrecy. HTTP/2 forbids the other TLS 1.2 suites (RFC 9113 appendix A),
 * and clients may close a connection that uses one.
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

/** Handshake time-out. An unfinished handshake would delay a shutdown. */
const handshakeTimeoutMs = 10_000;

/**
 * Reads the certificates and reloads them when their files change. Rejects if the first set is
 * unusable. A later unusable set is logged and changes nothing. A usable one applies to new
 * connections; open connections continue.
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
      // Taken before the files are read, so a change during the read is noticed next time.
      found = await versionOf(options);
      if (found === version) return;
      const next = await readCertificates(options, clock.wallNow());
      credentials.replace(contextOf(next));
      [current, version, refused] = [next, found, undefined];
      logger.info({ expiresAt: new Date(next.expiresAt).toISOString() }, "certificates replaced");
    } catch (error) {
      // Retried each time, because the certificate may become valid soon, but logged once.
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

/** All options of a secure context. Node resets options that are left out to their defaults. */
const contextOf = (set: CertificateSet): SecureContextOptions => ({
  cert: set.cert,
  key: set.key,
  ...(set.clientCa && { ca: [...set.clientCa] }),
  minVersion: "TLSv1.2",
  ciphers,
});

/**
 * A text that changes when one of the files is written or replaced, also behind a symbolic link.
 */
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
