/** Identities of callers: SPIFFE IDs in client certificates of a temporary authority. */
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createCertificateAuthority } from "../../test/support/certificates.ts";

/** A caller's certificate and private key, and the authority of servers, all in PEM. */
export interface Identity {
  readonly name: string;
  readonly cert: string;
  readonly key: string;
  readonly ca: string;
}

/** Identities, and the files of a server that accepts them. Disposal removes the files. */
export interface Identities extends AsyncDisposable {
  readonly callers: readonly Identity[];
  readonly certFile: string;
  readonly keyFile: string;
  readonly caFile: string;
  /** The TLS settings of a gateway. */
  readonly env: Readonly<Record<string, string>>;
}

/** Issues one client certificate per name, and a server certificate for localhost. */
export async function createIdentities(names: readonly string[]): Promise<Identities> {
  const folder = await mkdtemp(join(tmpdir(), "keyprotect-load-"));
  const authority = createCertificateAuthority("load");
  const server = authority.issue({ dnsNames: ["localhost"], usages: ["server"] });
  const certFile = join(folder, "tls.crt");
  const keyFile = join(folder, "tls.key");
  const caFile = join(folder, "ca.crt");
  await writeFile(certFile, server.cert);
  await writeFile(keyFile, server.key, { mode: 0o600 });
  await writeFile(caFile, authority.cert);
  return {
    callers: names.map((name) => ({
      name,
      ca: authority.cert,
      ...authority.issue({ uris: [`spiffe://load.example/${name}`], usages: ["client"] }),
    })),
    certFile,
    keyFile,
    caFile,
    env: {
      GATEWAY_TLS_CERT_FILE: certFile,
      GATEWAY_TLS_KEY_FILE: keyFile,
      GATEWAY_TLS_CLIENT_CA_FILE: caFile,
      GATEWAY_TLS_TRUST_DOMAINS: "load.example",
    },
    [Symbol.asyncDispose]: () => rm(folder, { recursive: true, force: true }),
  };
}
