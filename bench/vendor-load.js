/** Calls Key Protect's stand-in with IBM's own client, without a gateway, and measures the calls. */
import { createRequire } from "node:module";
import { apiKey, instanceId, keyId, wrapRequest, wrapResponse } from "./canned.js";
import { closedLoop } from "./closed-loop.js";
import { onAsk, runOptions } from "./messages.js";
// The client is CommonJS, and its own declarations do not compile here; what is used of it is declared above.
const require = createRequire(import.meta.url);
const KeyProtect = require("@ibm-cloud/ibm-key-protect/ibm-key-protect-api/v2");
const { IamAuthenticator } = require("@ibm-cloud/ibm-key-protect/auth");
const url = process.env["KP_SERVICE_URL"] ?? "";
const client = new KeyProtect({
  authenticator: new IamAuthenticator({ apikey: apiKey, url }),
  serviceUrl: url,
});
const ciphertext = wrapResponse.ciphertext.toString("base64");
const isRight = ({ result }) =>
  result.ciphertext === ciphertext && result.keyVersion?.id === wrapResponse.keyVersionId;
const wrap = () =>
  client.wrapKey({
    id: keyId,
    bluemixInstance: instanceId,
    keyActionWrapBody: { plaintext: wrapRequest.plaintext.toString("base64") },
  });
/** One call; gives what is wrong with it, or nothing. */
async function check() {
  try {
    return isRight(await wrap()) ? undefined : "the answer is wrong";
  } catch (error) {
    return String(error);
  }
}
onAsk("check", check);
onAsk("run", (given) =>
  closedLoop(async () => (await check()) === undefined, runOptions.parse(given)),
);
process.send?.({ port: 0 });
