/**
 * The part of the metadata service of VPC servers that issues tokens: first one that proves the
 * server's identity, and with it an access token of a trusted profile. Versions 2022-03-01
 * (`/instance_identity/v1`) and 2025-08-26 (`/identity/v1`) of its API. IBM documents the format of
 * its errors, but not all of their codes.
 */
import { randomUUID } from "node:crypto";
import { fieldOf, isJsonObject } from "../api/json-fields.ts";
import type { Answer } from "../api/route.ts";
import type { IamRequest } from "./routes.ts";
import type { IssuedToken, Tokens } from "./tokens.ts";
import type { TrustedProfile, TrustedProfiles } from "./trusted-profiles.ts";

/** The parts of the emulator that the metadata service knows. */
export interface MetadataDeps {
  readonly profiles: TrustedProfiles;
  readonly tokens: Tokens;
}

const identityTokenPaths = ["/instance_identity/v1/token", "/identity/v1/token"];
const iamTokenPaths = ["/instance_identity/v1/iam_token", "/identity/v1/iam_tokens"];
const firstVersion = "2022-03-01";
/** From this version on, the paths begin with `/identity`, and a profile can be given by name. */
const secondVersion = "2025-08-26";

/** A rejection, with the input that caused it. */
class MetadataError extends Error {
  override readonly name = "MetadataError";
  readonly status: number;
  readonly code: string;
  readonly target: { readonly type: string; readonly name: string } | undefined;

  constructor(
    status: number,
    code: string,
    message: string,
    target?: [type: string, name: string],
  ) {
    super(message);
    this.status = status;
    this.code = code;
    this.target = target && { type: target[0], name: target[1] };
  }
}

/** Name of the operation of a path; `undefined` if the path does not belong to this service. */
export function metadataOperation(
  path: string,
): "createIdentityToken" | "createIamToken" | undefined {
  if (identityTokenPaths.includes(path)) return "createIdentityToken";
  return iamTokenPaths.includes(path) ? "createIamToken" : undefined;
}

/** Creates the routes of the metadata service. */
export function createMetadataRoute(deps: MetadataDeps): (request: IamRequest) => Answer {
  const { profiles, tokens } = deps;

  function createIdentityToken(request: IamRequest): Answer {
    const seconds = fieldOf(jsonBody(request), "expires_in") ?? 300;
    if (
      typeof seconds !== "number" ||
      !Number.isInteger(seconds) ||
      seconds < 5 ||
      seconds > 3600
    ) {
      const what = "The `expires_in` field must be between 5 and 3600.";
      throw new MetadataError(400, "invalid_value", what, ["field", "expires_in"]);
    }
    return issued(tokens.issueIdentity(seconds));
  }

  function createIamToken(request: IamRequest): Answer {
    const [, bearer = ""] = /^Bearer (\S+)$/.exec(request.headers.authorization ?? "") ?? [];
    if (!tokens.isIdentity(bearer)) {
      throw new MetadataError(401, "not_authenticated", "The identity token is not valid.");
    }
    const body = request.body.length === 0 ? {} : jsonBody(request);
    const profile = profileOf(fieldOf(body, "trusted_profile"), versionOf(request), profiles);
    return issued(tokens.issue(profile, undefined, "urn:ibm:params:oauth:grant-type:iam_token"));
  }

  return (request) => {
    try {
      const isIdentity = metadataOperation(request.path) === "createIdentityToken";
      checkRequest(request, isIdentity ? "PUT" : "POST");
      return isIdentity ? createIdentityToken(request) : createIamToken(request);
    } catch (error) {
      if (!(error instanceof MetadataError)) throw error;
      const { status, code, message, target } = error;
      const errors = [{ code, message, target }];
      return { status, body: { errors, status_code: status, trace: randomUUID() } };
    }
  };
}

const dateOf = (seconds: number): string => new Date(seconds * 1_000).toISOString();

function issued({ accessToken, expiration, expiresIn }: IssuedToken): Answer {
  return {
    status: 200,
    body: {
      access_token: accessToken,
      created_at: dateOf(expiration - expiresIn),
      expires_at: dateOf(expiration),
      expires_in: expiresIn,
    },
  };
}

const versionOf = ({ query }: IamRequest): string => query.get("version") ?? "";

function checkRequest(request: IamRequest, method: "PUT" | "POST"): void {
  if (request.method !== method) {
    throw new MetadataError(405, "method_not_allowed", "The method is not allowed.");
  }
  const version = versionOf(request);
  if (!/^\d{4}-\d\d-\d\d$/.test(version) || version < firstVersion) {
    const what = `The \`version\` query parameter must be a date from ${firstVersion} on.`;
    throw new MetadataError(400, "invalid_value", what, ["parameter", "version"]);
  }
  const isSecond = request.path.startsWith("/identity/");
  if (isSecond !== version >= secondVersion) {
    throw new MetadataError(404, "not_found", "The version has no such path.");
  }
  if (method === "PUT" && request.headers["metadata-flavor"] !== "ibm") {
    const what = "The `Metadata-Flavor` header must be `ibm`.";
    throw new MetadataError(400, "invalid_value", what, ["header", "Metadata-Flavor"]);
  }
}

function profileOf(query: unknown, version: string, profiles: TrustedProfiles): TrustedProfile {
  const linked = profiles.list.filter(({ isLinkedToServer }) => isLinkedToServer);
  const [first] = linked;
  if (query === undefined && first !== undefined) return first;
  const names = isJsonObject(query) ? Object.entries(query) : [];
  const [name = "", value] = names[0] ?? [];
  const allowed = version >= secondVersion ? ["id", "crn", "name"] : ["id", "crn"];
  if (names.length !== 1 || !allowed.includes(name)) {
    const what = `The \`trusted_profile\` field must have one of: ${allowed.join(", ")}.`;
    throw new MetadataError(400, "invalid_value", what, ["field", "trusted_profile"]);
  }
  const profile = linked.find((each) => new Map(Object.entries(each)).get(name) === value);
  if (profile !== undefined) return profile;
  const what = "The trusted profile is not linked to this server.";
  throw new MetadataError(403, "not_authorized", what, ["field", `trusted_profile.${name}`]);
}

function jsonBody({ body }: IamRequest): Readonly<Record<string, unknown>> {
  try {
    const value: unknown = JSON.parse(body.toString("utf8"));
    if (isJsonObject(value)) return value;
  } catch {
    // The same answer as for JSON that is no object.
  }
  throw new MetadataError(400, "invalid_request", "The body is not a JSON object.");
}
