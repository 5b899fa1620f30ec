/** Reads and checks the PEM files for the connection to the gateway. */
import { SetupError } from "../../platform/errors.ts";
import { checkServerPem, hasTrustedCertificates } from "../../platform/files/pem.ts";
import { readSmallFileSync } from "../../platform/files/small-file.ts";
import type { TlsArguments } from "../arguments.ts";
import { MigrateError, migrateExitCodes, systemCodeOf } from "../migrate-error.ts";
import type { GatewayTls } from "./gateway-client.ts";

function readPem(path: string): Buffer {
  try {
    return readSmallFileSync(path);
  } catch (error) {
    const text = `${path} cannot be read (${systemCodeOf(error)})`;
    throw new MigrateError(migrateExitCodes.noInput, text, error);
  }
}

/** Reads the files. The error texts name them, never their contents. */
export function readGatewayTls(tls: TlsArguments, wallNow: number): GatewayTls {
  const { caFile, clientFiles, serverName } = tls;
  const ca = caFile === undefined ? undefined : readPem(caFile);
  if (ca !== undefined && !hasTrustedCertificates(ca.toString())) {
    throw new MigrateError(migrateExitCodes.noInput, `there is no certificate in ${caFile}`);
  }
  if (clientFiles === undefined) return { ca, client: undefined, serverName };
  const client = { cert: readPem(clientFiles.cert), key: readPem(clientFiles.key) };
  try {
    const cert = { name: clientFiles.cert, text: client.cert };
    const key = { name: clientFiles.key, text: client.key };
    checkServerPem({ cert, key, clientCa: undefined }, wallNow);
  } catch (error) {
    if (!(error instanceof SetupError)) throw error;
    throw new MigrateError(migrateExitCodes.noInput, error.message, error);
  }
  return { ca, client, serverName };
}
