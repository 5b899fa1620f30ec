/** A certificate authority that the gateway trusts, as a PEM file like an operator's. */
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createCertificateAuthority, type CertificateAuthority } from "../support/certificates.ts";
import type { TestGatewayOptions } from "../support/start-gateway.ts";

export interface AuthorityFile extends AsyncDisposable {
  readonly authority: CertificateAuthority;
  /**
   * Options of a gateway that uses the emulator's IAM and a Key Protect over TLS at a port of
   * 127.0.0.1.
   */
  gatewayOptions(port: number, env?: Readonly<Record<string, string>>): TestGatewayOptions;
}

/** Writes the authority to a new temporary folder. */
export async function createAuthorityFile(): Promise<AuthorityFile> {
  const authority = createCertificateAuthority();
  const folder = await mkdtemp(join(tmpdir(), "gateway-authority-"));
  const path = join(folder, "ca.pem");
  await writeFile(path, authority.cert);
  return {
    authority,
    gatewayOptions: (port, env) => ({
      env: {
        KP_SERVICE_URL: `https://127.0.0.1:${port}`,
        GATEWAY_UPSTREAM_CA_FILE: path,
        ...env,
      },
      files: { [path]: authority.cert },
    }),
    [Symbol.asyncDispose]: () => rm(folder, { recursive: true }),
  };
}
