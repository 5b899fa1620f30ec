/** The requests to IAM that exchange a credential for an access token, one per grant type. */
import type { Clock } from "../../platform/clock.ts";
import { Secret } from "../../platform/secret.ts";
import { iamServer, readGrant } from "../answer.ts";
import type { TokenExchange } from "../exchange.ts";
import type { IamPost } from "../token-http.ts";
import type { TrustedProfile } from "./trusted-profile.ts";

/** Dependencies of every exchange with IAM. */
export interface IamExchangeOptions {
  readonly post: IamPost;
  readonly clock: Pick<Clock, "wallNow">;
}

/** Parts that may be added to the exchange of an API key or a compute-resource token. */
export interface IamRequestExtras {
  /** Absent: IAM's default scope. */
  readonly scope?: string | undefined;
  /** Absent: the request names no client. */
  readonly client?: IamClient | undefined;
}

/** A client of IAM's token service, which may have a higher rate limit. */
export interface IamClient {
  readonly id: string;
  /** Returns the current secret; rejects with a `TokenExchangeError`. */
  readonly secret: () => Promise<Secret>;
}

/** Dependencies of the exchange of an API key. */
export interface ApiKeyExchangeOptions extends IamExchangeOptions, IamRequestExtras {
  /** Returns the current API key; rejects with a `TokenExchangeError`. */
  readonly apiKey: () => Promise<Secret>;
}

/** Dependencies of the exchange of a compute-resource token. */
export interface ContainerExchangeOptions extends IamExchangeOptions, IamRequestExtras {
  /** Returns the current token; called for each exchange. Rejects with a `TokenExchangeError`. */
  readonly crToken: () => Promise<Secret>;
  /** By ID, name or both. */
  readonly profile: TrustedProfile;
}

/** Dependencies of the exchange that assumes a profile. */
export interface AssumeExchangeOptions extends IamExchangeOptions {
  /** Gets the token on whose behalf the profile is assumed. */
  readonly base: TokenExchange;
  /** By CRN, by ID, or by name and account. */
  readonly profile: TrustedProfile;
}

type Form = Readonly<Record<string, string | undefined>>;

const grantType = (name: string): string => `urn:ibm:params:oauth:grant-type:${name}`;

/** Creates the exchange of an API key for an access token. */
export const createApiKeyExchange =
  ({ apiKey, ...options }: ApiKeyExchangeOptions): TokenExchange =>
  async (signal) => {
    const key = await apiKey();
    const form = {
      grant_type: grantType("apikey"),
      apikey: key.reveal(),
      response_type: "cloud_iam",
    };
    return request(form, signal, options);
  };

/**
 * Creates the exchange of a compute-resource token, which the platform puts into a file, for an
 * access token of a trusted profile.
 */
export const createContainerExchange =
  ({ crToken, profile, ...options }: ContainerExchangeOptions): TokenExchange =>
  async (signal) => {
    const token = await crToken();
    const form = {
      grant_type: grantType("cr-token"),
      cr_token: token.reveal(),
      profile_id: profile.id,
      profile_name: profile.name,
    };
    return request(form, signal, options);
  };

/**
 * Creates the exchange of another access token for one of a trusted profile, which may belong to
 * another account. As in IBM's SDKs this request names no client and no scope.
 */
export const createAssumeExchange =
  ({ base, profile, post, clock }: AssumeExchangeOptions): TokenExchange =>
  async (signal) => {
    const { accessToken } = await base(signal);
    const form = {
      grant_type: grantType("assume"),
      access_token: accessToken.reveal(),
      profile_crn: profile.crn,
      profile_id: profile.id,
      profile_name: profile.name,
      account: profile.accountId,
    };
    return request(form, signal, { post, clock });
  };

async function request(
  form: Form,
  signal: AbortSignal,
  { post, clock, scope, client }: IamExchangeOptions & IamRequestExtras,
) {
  const authorization = client && basic(client.id, await client.secret());
  const fields = Object.entries({ ...form, scope }).flatMap(([name, value]): [string, string][] =>
    value === undefined ? [] : [[name, value]],
  );
  const answer = await post(new URLSearchParams(fields).toString(), signal, authorization);
  return readGrant(answer, iamServer, clock);
}

const basic = (id: string, secret: Secret): Secret =>
  new Secret(`Basic ${Buffer.from(`${id}:${secret.reveal()}`).toString("base64")}`);
