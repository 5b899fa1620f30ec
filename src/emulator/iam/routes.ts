/**
 * The route of IBM's identity service that exchanges an API key for a token: `POST /identity/token`
 * and its older name `/oidc/token`.
 */
import { randomUUID } from "node:crypto";
import type { Answer } from "../api/route.ts";
import type { Tokens } from "./tokens.ts";
import type { User } from "../user.ts";

/** A request to the identity service. */
export interface IamRequest {
  readonly method: string;
  readonly userAgent: string | undefined;
  readonly body: Buffer;
}

const apiKeyGrant = "urn:ibm:params:oauth:grant-type:apikey";
const profileGrants = [
  "urn:ibm:params:oauth:grant-type:cr-token",
  "urn:ibm:params:oauth:grant-type:assume",
];

/** Tells whether a path belongs to the identity service. */
export function isIamPath(path: string): boolean {
  return path === "/identity/token" || path === "/oidc/token";
}

/** Creates the token route. It knows the API keys of `users`. */
export function createIamRoute(
  users: readonly User[],
  tokens: Tokens,
): (request: IamRequest) => Answer {
  const byApiKey = new Map(users.map((user) => [user.apiKey, user]));

  return (request) => {
    const reject = (status: number, code: string, message: string, details?: string): Answer =>
      iamRejection(request, status, code, message, details);
    if (request.method !== "POST") {
      return reject(405, "BXNIM0060E", "HTTP method not allowed", "HTTP 405 Method Not Allowed");
    }
    const form = new URLSearchParams(request.body.toString("utf8"));
    const grant = form.get("grant_type") ?? "";
    if (grant === "") return reject(400, "BXNIM0109E", "Property missing or empty: 'grant_type'");
    if (grant === "refresh_token") {
      return reject(400, "BXNIM0407E", "The passed refresh token is invalid");
    }
    if (profileGrants.includes(grant)) {
      return reject(400, "BXNIM0398E", "Selected trusted profile not eligible");
    }
    if (grant !== apiKeyGrant) {
      return reject(400, "BXNIM0106E", "Unsupported value for property 'grant_type'");
    }
    const responseType = form.get("response_type");
    if (responseType !== null && responseType !== "cloud_iam") {
      return reject(400, "BXNIM0106E", "Unsupported value for property 'response_type'");
    }
    const apiKey = form.get("apikey") ?? "";
    if (apiKey === "") return reject(400, "BXNIM0109E", "Property missing or empty: 'apikey'");
    const user = byApiKey.get(apiKey);
    if (user === undefined) {
      return reject(400, "BXNIM0415E", "Provided API key could not be found.");
    }
    const { accessToken, expiration, expiresIn } = tokens.issue(user);
    return {
      status: 200,
      headers: { "Transaction-Id": transactionId(), "Cache-Control": "no-store" },
      body: {
        access_token: accessToken,
        refresh_token: "not_supported",
        token_type: "Bearer",
        expires_in: expiresIn,
        expiration,
        scope: "ibm openid",
      },
    };
  };
}

const transactionId = (): string => randomUUID().replaceAll("-", "");

/** Creates an error answer in the format of the identity service. */
export function iamRejection(
  request: { readonly userAgent: string | undefined },
  status: number,
  errorCode: string,
  errorMessage: string,
  errorDetails?: string,
): Answer {
  const requestId = transactionId();
  return {
    status,
    headers: { "Transaction-Id": requestId },
    body: {
      errorCode,
      errorMessage,
      errorDetails,
      context: {
        requestId,
        requestType: "incoming.Identity_Token",
        userAgent: request.userAgent,
        url: "https://iam.cloud.ibm.com",
        clientIp: "127.0.0.1",
        elapsedTime: "1",
        locale: "en_US",
      },
    },
  };
}
