/** The steps of getting an access token, with the credential of an instance. */
import { authTypeOf, type GatewayCredential } from "../../config/credential.ts";
import { TokenExchangeError, type TokenExchangeErrorCode } from "../../iam/exchange-error.ts";
import type { Grant } from "../../iam/exchange.ts";
import type { AuthType } from "../../iam/token.ts";
import { type ExchangeDeps, openExchange } from "../outbound/credentials/exchanges.ts";
import { failed, ok, type PlannedStep, type StepResult, skipped } from "./report.ts";
import { planServerSteps } from "./server-steps.ts";

/** Longest exchange, in milliseconds, as for a refresh. */
const exchangeMs = 5_000;

/** A larger difference between the clocks is a failure, in milliseconds. */
const tolerableSkewMs = 60_000;

/** The steps, and the token once they have been made. */
export interface TokenPlan {
  readonly steps: readonly PlannedStep[];
  /** `undefined` until the credential has given a token. */
  readonly grant: () => Grant | undefined;
}

/** Plans the way to the servers that issue the token, the exchange, and the look at their clock. */
export function planToken(credential: GatewayCredential, deps: ExchangeDeps): TokenPlan {
  let grant: Grant | undefined;
  const { connectionsOf } = deps;
  const base = credential.kind === "assume" ? credential.base : credential;
  const metadata =
    base.kind === "vpc"
      ? planServerSteps(
          { label: "metadata service", url: base.imsUrl, setting: "VPC_IMS_URL" },
          connectionsOf(base.imsUrl, "direct"),
        )
      : [];
  const iamUrl = credential.kind === "vpc" ? undefined : credential.iamUrl;
  const iam =
    iamUrl === undefined
      ? []
      : planServerSteps(
          { label: "IAM", url: iamUrl, setting: "IAM_AUTH_URL" },
          connectionsOf(iamUrl),
        );
  return {
    grant: () => grant,
    steps: [
      ...metadata,
      ...iam,
      {
        name: "credential",
        run: async () => {
          try {
            grant = await exchangeOnce(credential, deps);
            const minutes = Math.round(grant.lifetimeMs / 60_000);
            return ok(`${nameOf(authTypeOf(credential))} gives a token for ${minutes} minutes`);
          } catch (error) {
            return refusalOf(error, authTypeOf(credential));
          }
        },
      },
      { name: "clock", run: () => skewResult(grant?.clockSkewMs) },
    ],
  };
}

async function exchangeOnce(credential: GatewayCredential, deps: ExchangeDeps): Promise<Grant> {
  await using opened = openExchange(credential, deps);
  return await opened.exchange(AbortSignal.timeout(exchangeMs));
}

const names: Readonly<Record<AuthType, string>> = {
  iam: "the API key",
  container: "the trusted profile of the container",
  vpc: "the trusted profile of the server",
  iamAssume: "the profile that is assumed",
};

const nameOf = (type: AuthType): string => names[type];

const refusalRemedies: Readonly<Record<AuthType, string>> = {
  iam: "create an API key for the service ID of the gateway and put it, alone, into the file of IBMCLOUD_API_KEY_FILE; a deleted or locked key cannot be used",
  container:
    "link the profile to this cluster, namespace and service account, check IAM_PROFILE_ID or IAM_PROFILE_NAME, and mount the token with the audience `iam`",
  vpc: "enable the metadata service of this server and link the profile to the server",
  iamAssume:
    "let the profile trust the identity of KP_BASE_AUTH_TYPE, and check IAM_PROFILE_CRN or the ID or name with the account",
};

const unreadable = "mount the file, and let the user of the gateway read it";
const passing = "try again; the connection itself could be made just now";
const later = "try again in a minute; see the status page of IBM Cloud";

/** Remedies of all failures but a refusal. */
const remedies: Readonly<Record<Exclude<TokenExchangeErrorCode, "REJECTED">, string>> = {
  API_KEY_UNREADABLE: unreadable,
  CR_TOKEN_UNREADABLE: unreadable,
  CLIENT_SECRET_UNREADABLE: unreadable,
  BAD_RESPONSE: "check IAM_AUTH_URL: another server than IAM answers there, or a proxy's page",
  THROTTLED: later,
  FAILED: later,
  TLS: passing,
  PROXY_REFUSED: passing,
  UNREACHABLE: passing,
  TIMEOUT: passing,
};

function refusalOf(error: unknown, type: AuthType): StepResult {
  if (!(error instanceof TokenExchangeError)) throw error;
  const { code, httpStatus, iamCode } = error;
  const facts = [httpStatus === undefined ? undefined : `status ${httpStatus}`, iamCode];
  const given = facts.filter((fact) => fact !== undefined).join(", ");
  const detail = given === "" ? error.message : `${error.message} (${given})`;
  return code === "REJECTED"
    ? failed(`${nameOf(type)} is refused: ${detail}`, refusalRemedies[type])
    : failed(detail, remedies[code]);
}

function skewResult(skewMs: number | undefined): StepResult {
  if (skewMs === undefined) return skipped("the answer has no date");
  const seconds = Math.round(Math.abs(skewMs) / 1_000);
  const side = skewMs > 0 ? "behind" : "ahead of";
  if (Math.abs(skewMs) <= tolerableSkewMs) return ok(`within ${Math.max(1, seconds)} s of IAM's`);
  return failed(
    `the clock of this machine is ${seconds} s ${side} IAM's`,
    "synchronize it (NTP, chrony): certificates and tokens are valid for certain times only",
  );
}
