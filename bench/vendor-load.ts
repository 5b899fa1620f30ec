/** The arrangement `IBM SDK`: calls the stand-in with IBM's own client, without a gateway. */
import { createRequire } from "node:module";
import { apiKey, instanceId, keyId, wrapRequest, wrapResponse } from "./canned.ts";
import { closedLoop } from "./closed-loop.ts";
import { onAsk, runOptions } from "./messages.ts";

interface Answer {
  readonly result: {
    readonly ciphertext?: string;
    readonly keyVersion?: { readonly id?: string };
  };
}

type VendorModule = new (options: { authenticator: object; serviceUrl: string }) => {
  wrapKey(params: object): Promise<Answer>;
};

interface AuthModule {
  readonly IamAuthenticator: new (options: { apikey: string; url: string }) => object;
}

// The client is CommonJS and its own declarations do not compile here, so they are declared above.
const require = createRequire(import.meta.url);
const KeyProtect: VendorModule = require("@ibm-cloud/ibm-key-protect/ibm-key-protect-api/v2");
const { IamAuthenticator }: AuthModule = require("@ibm-cloud/ibm-key-protect/auth");

const url = process.env["KP_SERVICE_URL"] ?? "";
const client = new KeyProtect({
  authenticator: new IamAuthenticator({ apikey: apiKey, url }),
  serviceUrl: url,
});

const ciphertext = wrapResponse.ciphertext.toString("base64");

const isRight = ({ result }: Answer): boolean =>
  result.ciphertext === ciphertext && result.keyVersion?.id === wrapResponse.keyVersionId;

const wrap = (): Promise<Answer> =>
  client.wrapKey({
    id: keyId,
    bluemixInstance: instanceId,
    keyActionWrapBody: { plaintext: wrapRequest.plaintext.toString("base64") },
  });

/** Makes one call. Returns the error, or `undefined` if the answer is right. */
async function check(): Promise<string | undefined> {
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
