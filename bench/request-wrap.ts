/** A wrap with `undici.request` in its common form. */
import { request, Pool } from "undici";
import type { Dispatcher } from "undici";
import type {
  WrapKeyRequest,
  WrapKeyResponse,
} from "../src/gen/keyprotect/v1/key_actions_service.ts";
import { accessToken, instanceId } from "./canned.ts";

// The variable is read once, because reading the environment is a system call.
const upstreamUrl = process.env["KP_SERVICE_URL"] ?? "";

/** Creates a pool with the default number of connections of the gateway. */
export const createPool = (): Pool => new Pool(upstreamUrl, { connections: 32, pipelining: 1 });

/** Sends one wrap. The caller must read the body of the answer. */
export const sendWrap = (
  dispatcher: Dispatcher,
  { keyId, plaintext }: WrapKeyRequest,
): Promise<Dispatcher.ResponseData> =>
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

interface WrapAnswer {
  readonly ciphertext: string;
  readonly keyVersion: { readonly id: string };
}

/** Reads the response to a wrap without validation. */
export async function readWrap({ body }: Dispatcher.ResponseData): Promise<WrapKeyResponse> {
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- the floor checks no answer
  const answer = (await body.json()) as WrapAnswer;
  return {
    ciphertext: Buffer.from(answer.ciphertext, "base64"),
    keyVersionId: answer.keyVersion.id,
  };
}
