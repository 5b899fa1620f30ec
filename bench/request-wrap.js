/** A wrap over `undici.request`, written as one writes it. */
import { request, Pool } from "undici";
import { accessToken, instanceId } from "./canned.js";
// Read once: a look into the environment is a call into the operating system.
const upstreamUrl = process.env["KP_SERVICE_URL"] ?? "";
/** As many connections as the gateway has by default. */
export const createPool = () => new Pool(upstreamUrl, { connections: 32, pipelining: 1 });
/** Sends one wrap. The answer's body has to be read. */
export const sendWrap = (dispatcher, { keyId, plaintext }) =>
  request(`${upstreamUrl}/api/v2/keys/${keyId}/actions/wrap`, {
    dispatcher,
    method: "POST",
    headers: {
      authorization: `Bearer ${accessToken}`,
      "bluemix-instance": instanceId,
      accept: "application/vnd.ibm.kms.key_action+json",
      "content-type": "application/vnd.ibm.kms.key_action+json",
    },
    body: JSON.stringify({ plaintext: plaintext.toString("base64") }),
  });
/** Reads the answer to a wrap, and trusts it. */
export async function readWrap({ body }) {
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- looking at the answer is what these servers do not do
  const answer = await body.json();
  return {
    ciphertext: Buffer.from(answer.ciphertext, "base64"),
    keyVersionId: answer.keyVersion.id,
  };
}
