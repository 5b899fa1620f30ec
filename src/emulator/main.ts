/**
 * Runs the emulator alone: `npm run emulator`. EMULATOR_PORT and EMULATOR_HOST set where it listens
 * (default 127.0.0.1:8080). EMULATOR_PROFILE sets the version of the service: `current` (default)
 * or `2019`. Exits with 78 if a variable is invalid.
 */
import { startEmulator } from "./emulator.ts";
import { defaultCrToken } from "./options.ts";

const port = Number(process.env["EMULATOR_PORT"] ?? "8080");
if (!Number.isInteger(port) || port < 0 || port > 65_535) {
  process.stderr.write("EMULATOR_PORT is not a port number\n");
  process.exit(78);
}
const profile = process.env["EMULATOR_PROFILE"] ?? "current";
if (profile !== "2019" && profile !== "current") {
  process.stderr.write("EMULATOR_PROFILE is neither 2019 nor current\n");
  process.exit(78);
}
const emulator = await startEmulator({
  port,
  host: process.env["EMULATOR_HOST"] ?? "127.0.0.1",
  profile,
});

const [gatewayProfile] = emulator.trustedProfiles.list;

process.stdout.write(`The embedded Key Protect (${profile}) listens on ${emulator.url}

  KP_SERVICE_URL=${emulator.url}
  IAM_AUTH_URL=${emulator.url}
  KP_INSTANCE_ID=${emulator.instanceId}
  IBMCLOUD_API_KEY=${emulator.apiKey}

Without an API key, instead of the last line:

  KP_AUTH_TYPE=vpc VPC_IMS_URL=${emulator.url}
  KP_AUTH_TYPE=container IAM_PROFILE_ID=${gatewayProfile?.id} CR_TOKEN_FILENAME=file-with-token
  (the token is ${defaultCrToken})

Get a token, create a root key, wrap with it:

  TOKEN=$(curl -s ${emulator.url}/identity/token \\
    -d grant_type=urn:ibm:params:oauth:grant-type:apikey -d apikey=${emulator.apiKey} |
    sed 's/.*"access_token":"\\([^"]*\\)".*/\\1/')
  curl -s ${emulator.url}/api/v2/keys -H "Authorization: Bearer $TOKEN" \\
    -H "Bluemix-Instance: ${emulator.instanceId}" -d '{
      "metadata": {"collectionType": "application/vnd.ibm.kms.key+json", "collectionTotal": 1},
      "resources": [{"type": "application/vnd.ibm.kms.key+json", "name": "demo", "extractable": false, "aliases": ["demo"]}]}'
  curl -s ${emulator.url}/api/v2/keys/demo/actions/wrap -H "Authorization: Bearer $TOKEN" \\
    -H "Bluemix-Instance: ${emulator.instanceId}" -d '{"plaintext": "dGVzdA=="}'

Faults, clock, quota and request log: curl -s ${emulator.url}/emulator
`);

for (const signal of ["SIGINT", "SIGTERM"] as const) {
  // Exits without waiting for the transport keys that are still to be made ahead.
  process.once(signal, () => void emulator[Symbol.asyncDispose]().then(() => process.exit(0)));
}
