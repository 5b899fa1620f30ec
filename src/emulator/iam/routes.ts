/**
 * The route of IBM's identity service that exchanges a credential for a token: `POST
 * /identity/token` and its older name `/oidc/token`. IBM publishes no list of its error codes.
 * Those of API keys and of profiles that are not eligible are known from clients of IBM; the others
 * are inferred.
 */
import { randomUUID } from "node:crypto";
import type { IncomingHttpHeaders } from "node:http";
import type { Answer } from "../api/route.ts";
import { apiKeyGrant, type Tokens } from "./tokens.ts";
import type { TrustedProfiles } from "./trusted-profiles.ts";
import type { Identity, User } from "../user.ts";

/** A request to the identity service or the metadata service. */
export interface IamRequest {
  readonly method: string;
  readonly path: string;
  readonly query: URLSearchParams;
  readonly headers: IncomingHttpHeaders;
  readonly body: Buffer;
}

/** A client of the token service. */
export interface IamClient {
  readonly id: string;
  readonly secret: string;
}

/** The parts of the emulator that IAM knows. */
export interface IamDeps {
  readonly users: readonly User[];
  readonly profiles: TrustedProfiles;
  readonly clients: readonly IamClient[];
  readonly tokens: Tokens;
}

/** A rejection: the code and the message. */
class IamError extends Error {
  override readonly name = "IamError";
  readonly code: string;
  readonly status: number;

  constructor(code: string, message: string, status = 400) {
    super(message);
    this.code = code;
    this.status = status;
  }
}

const crTokenGrant = "urn:ibm:params:oauth:grant-type:cr-token";
const assumeGrant = "urn:ibm:params:oauth:grant-type:assume";

/** Tells whether a path belongs to the identity service. */
export function isIamPath(path: string): boolean {
  return path === "/identity/token" || path === "/oidc/token";
}

/** Creates the token route. */
export function createIamRoute(deps: IamDeps): (request: IamRequest) => Answer {
  const byApiKey = new Map(deps.users.map((user) => [user.apiKey, user]));
  const identities = new Map<string, (form: URLSearchParams) => Identity>([
    [apiKeyGrant, (form) => userOfApiKey(form, byApiKey)],
    [crTokenGrant, (form) => profileOfCrToken(form, deps)],
    [assumeGrant, (form) => assumedProfile(form, deps)],
  ]);

  return (request) => {
    try {
      if (request.method !== "POST") {
        throw new IamError("BXNIM0060E", "HTTP method not allowed", 405);
      }
      checkClient(request.headers.authorization, deps.clients);
      const form = new URLSearchParams(request.body.toString("utf8"));
      const grant = requiredField(form, "grant_type");
      if (grant === "refresh_token") {
        throw new IamError("BXNIM0407E", "The passed refresh token is invalid");
      }
      const identify = identities.get(grant);
      if (identify === undefined) {
        throw new IamError("BXNIM0106E", "Unsupported value for property 'grant_type'");
      }
      const user = identify(form);
      const { accessToken, expiration, expiresIn } = deps.tokens.issue(user, undefined, grant);
      return {
        status: 200,
        headers: { "Transaction-Id": transactionId(), "Cache-Control": "no-store" },
        body: {
          access_token: accessToken,
          refresh_token: "not_supported",
          token_type: "Bearer",
          expires_in: expiresIn,
          expiration,
          scope: form.get("scope") ?? "ibm openid",
        },
      };
    } catch (error) {
      if (!(error instanceof IamError)) throw error;
      const details = error.status === 405 ? "HTTP 405 Method Not Allowed" : undefined;
      return iamRejection(request, error.status, error.code, error.message, details);
    }
  };
}

function userOfApiKey(form: URLSearchParams, byApiKey: ReadonlyMap<string, User>): User {
  const responseType = form.get("response_type");
  if (responseType !== null && responseType !== "cloud_iam") {
    throw new IamError("BXNIM0106E", "Unsupported value for property 'response_type'");
  }
  const user = byApiKey.get(requiredField(form, "apikey"));
  if (user === undefined) throw new IamError("BXNIM0415E", "Provided API key could not be found.");
  return user;
}

function profileOfCrToken(form: URLSearchParams, { profiles }: IamDeps): Identity {
  const crToken = requiredField(form, "cr_token");
  const query = profileQueryOf(form);
  if (query.id === undefined && query.name === undefined && query.crn === undefined) {
    throw new IamError("BXNIM0109E", "Property missing or empty: 'profile_id'");
  }
  if (!profiles.isCrToken(crToken)) {
    throw new IamError("BXNIM0407E", "Provided compute resource token is invalid");
  }
  const profile = profiles.find(query);
  if (profile === undefined || !profiles.accepts(crToken, profile)) {
    throw new IamError("BXNIM0398E", "Selected trusted profile not eligible for CR token");
  }
  return profile;
}

function assumedProfile(form: URLSearchParams, { profiles, tokens }: IamDeps): Identity {
  const check = tokens.check(requiredField(form, "access_token"));
  const query = profileQueryOf(form);
  if (query.id === undefined && query.crn === undefined) {
    requiredField(form, "profile_name");
    requiredField(form, "account");
  }
  if (check.kind !== "valid") throw new IamError("BXNIM0407E", "Provided token is invalid");
  const profile = profiles.find(query);
  const isAllowed = profile?.assumableBy?.includes(check.user.subject) ?? true;
  if (profile === undefined || !isAllowed) {
    throw new IamError("BXNIM0398E", "Selected trusted profile not eligible");
  }
  return profile;
}

const profileQueryOf = (form: URLSearchParams) => ({
  id: form.get("profile_id") ?? undefined,
  name: form.get("profile_name") ?? undefined,
  crn: form.get("profile_crn") ?? undefined,
  accountId: form.get("account") ?? undefined,
});

function requiredField(form: URLSearchParams, name: string): string {
  const value = form.get(name) ?? "";
  if (value !== "") return value;
  throw new IamError("BXNIM0109E", `Property missing or empty: '${name}'`);
}

/** A request needs no client, but one that it names has to be known. */
function checkClient(authorization: string | undefined, clients: readonly IamClient[]): void {
  if (authorization === undefined) return;
  const known = clients.map(({ id, secret }) => {
    const pair = Buffer.from(`${id}:${secret}`).toString("base64");
    return `Basic ${pair}`;
  });
  if (known.includes(authorization)) return;
  throw new IamError("BXNIM0103E", "Provided client is unknown, or its secret is wrong", 401);
}

const transactionId = (): string => randomUUID().replaceAll("-", "");

/** Creates an error answer in the format of the identity service. */
export function iamRejection(
  request: Pick<IamRequest, "headers">,
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
        userAgent: request.headers["user-agent"],
        url: "https://iam.cloud.ibm.com",
        clientIp: "127.0.0.1",
        elapsedTime: "1",
        locale: "en_US",
      },
    },
  };
}
