/** Gets access tokens from the metadata service of a VPC virtual server or bare metal server. */
import * as z from "zod";
import type { Clock } from "../../platform/clock.ts";
import { readGrant, type TokenServer } from "../answer.ts";
import type { TokenExchange } from "../exchange.ts";
import type { TokenSend } from "../token-http.ts";
import type { TrustedProfile } from "./trusted-profile.ts";

/** Version of the metadata service's API. */
export type VpcMetadataVersion = keyof typeof paths;

/** Dependencies of the exchange with the metadata service. */
export interface VpcExchangeOptions {
  readonly send: TokenSend;
  readonly version: VpcMetadataVersion;
  /** By ID, CRN or name. Empty: the server's default profile. */
  readonly profile: TrustedProfile;
  readonly clock: Pick<Clock, "wallNow">;
}

const paths = {
  "2022-03-01": {
    identityToken: "/instance_identity/v1/token",
    iamToken: "/instance_identity/v1/iam_token",
  },
  "2025-08-26": {
    identityToken: "/identity/v1/token",
    iamToken: "/identity/v1/iam_tokens",
  },
} as const;

/** Name of the metadata service in error texts. */
export const metadataService = "the metadata service";

/** Lifetime of the identity token, in seconds. It is used once, at once. */
const identityTokenSeconds = 300;

const failure = z.object({
  errors: z.array(z.object({ code: z.string().regex(/^[a-z][a-z0-9_]{0,63}$/) })).min(1),
});

const server: TokenServer = {
  name: metadataService,
  successes: [200, 201],
  errorCodeIn: (body) => failure.safeParse(body).data?.errors[0]?.code,
  isRefusal: () => true,
};

/**
 * Creates the exchange: a token that proves the server's identity, and with it an access token of
 * IAM. No file and no secret is needed.
 */
export function createVpcExchange(options: VpcExchangeOptions): TokenExchange {
  const { send, version, profile, clock } = options;
  const { identityToken, iamToken } = paths[version];
  const { id, crn, name } = profile;
  const names = Object.entries({ id, crn, name }).filter(([, value]) => value !== undefined);
  const headers = {
    "content-type": "application/json",
    accept: "application/json",
    // The service demands it, so that a request that an attacker causes elsewhere is refused.
    "metadata-flavor": "ibm",
  };
  const query = `?version=${version}`;
  return async (signal) => {
    const identity = await send(
      {
        method: "PUT",
        path: `${identityToken}${query}`,
        headers,
        body: JSON.stringify({ expires_in: identityTokenSeconds }),
      },
      signal,
    );
    const { accessToken } = readGrant(identity, server, clock);
    const answer = await send(
      {
        method: "POST",
        path: `${iamToken}${query}`,
        headers: { ...headers, authorization: `Bearer ${accessToken.reveal()}` },
        body:
          names.length === 0 ? "" : JSON.stringify({ trusted_profile: Object.fromEntries(names) }),
      },
      signal,
    );
    return readGrant(answer, server, clock);
  };
}
