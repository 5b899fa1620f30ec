/** An authority that the gateway is told to trust, in a file as an operator would have it. */
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createCertificateAuthority, type CertificateAuthority } from "../support/certificates.ts";
import type { TestGatewayOptions } from "../support/start-gateway.ts";

export interface AuthorityFile extends AsyncDisposable {
  readonly authority: CertificateAuthority;
  /** Options of a gateway whose Key Protect is at a port of 127.0.0.1, over TLS, and whose IAM is the emulator. */
  gatewayOptions(port: number, env?: Readonly<Record<string, string>>): TestGatewayOptions;
}

/** Writes it to a folder of its own. */
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
