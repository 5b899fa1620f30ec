/** Builds the exchange of a credential for a token from its configuration. */
import type { Clock } from "../../../platform/clock.ts";
import type {
  BaseCredential,
  ClientSettings,
  GatewayCredential,
  VpcCredential,
} from "../../../config/credential.ts";
import {
  createApiKeyExchange,
  createAssumeExchange,
  createContainerExchange,
  type IamClient,
  type IamExchangeOptions,
} from "../../../iam/credentials/iam-grants.ts";
import {
  createApiKeyFile,
  createClientSecretFile,
  createCrTokenFile,
  type SecretFile,
} from "../../../iam/credentials/secret-file.ts";
import { createVpcExchange, metadataService } from "../../../iam/credentials/vpc.ts";
import type { TokenExchange } from "../../../iam/exchange.ts";
import { createIamConnection, createTokenConnection } from "../../../iam/token-http.ts";
import type { Secret } from "../../../platform/secret.ts";
import type { ConnectionsOf } from "../upstream-connections.ts";

/** Dependencies of exchanges. */
export interface ExchangeDeps {
  readonly connectionsOf: ConnectionsOf;
  readonly clock: Clock;
}

/** An exchange with its connections and files. Disposing of it destroys the connections. */
export interface OpenExchange extends AsyncDisposable {
  readonly exchange: TokenExchange;
  /** Whether a file of the credential has changed since the last exchange. */
  readonly hasChanged: () => Promise<boolean>;
}

/** Builds an exchange. Sends nothing yet. */
export function openExchange(credential: GatewayCredential, deps: ExchangeDeps): OpenExchange {
  if (credential.kind !== "assume") return openBase(credential, deps);
  const base = openBase(credential.base, deps);
  const iam = openIam(credential.iamUrl, deps);
  return {
    exchange: createAssumeExchange({
      ...iam.options,
      base: base.exchange,
      profile: credential.profile,
    }),
    hasChanged: base.hasChanged,
    async [Symbol.asyncDispose]() {
      await Promise.all([base[Symbol.asyncDispose](), iam.close()]);
    },
  };
}

function openBase(credential: BaseCredential, deps: ExchangeDeps): OpenExchange {
  if (credential.kind === "vpc") return openVpc(credential, deps);
  const { client: clientSettings, scope } = credential;
  const iam = openIam(credential.iamUrl, deps);
  const client = clientSettings && openClient(clientSettings);
  const options = { ...iam.options, scope, client };
  const proof = openProof(credential);
  const files = [proof, client?.file].filter((file) => file !== undefined);
  return {
    exchange:
      credential.kind === "container"
        ? createContainerExchange({
            ...options,
            crToken: () => proof.read(),
            profile: credential.profile,
          })
        : createApiKeyExchange({ ...options, apiKey: () => proof.read() }),
    async hasChanged() {
      const changes = await Promise.all(files.map((file) => file.hasChanged()));
      return changes.includes(true);
    },
    [Symbol.asyncDispose]: iam.close,
  };
}

/** The API key or the compute-resource token. */
function openProof(credential: Exclude<BaseCredential, VpcCredential>): SecretFile {
  if (credential.kind === "apiKey") return constant(credential.apiKey);
  if (credential.kind === "apiKeyFile") return createApiKeyFile(credential.path);
  const { tokenFile } = credential;
  return createCrTokenFile(tokenFile === undefined ? undefined : [tokenFile]);
}

/** The metadata service is on the same machine, so it is never reached through a proxy. */
function openVpc(credential: VpcCredential, { connectionsOf, clock }: ExchangeDeps): OpenExchange {
  const { imsUrl: url, imsVersion: version, profile } = credential;
  const options = connectionsOf(url, "direct");
  const connection = createTokenConnection({ ...options, url, name: metadataService });
  return {
    exchange: createVpcExchange({ send: connection.send, version, profile, clock }),
    hasChanged: () => Promise.resolve(false),
    [Symbol.asyncDispose]: () => connection[Symbol.asyncDispose](),
  };
}

function openIam(
  iamUrl: string,
  { connectionsOf, clock }: ExchangeDeps,
): { readonly options: IamExchangeOptions; readonly close: () => Promise<void> } {
  const connection = createIamConnection({ iamUrl, ...connectionsOf(iamUrl) });
  return {
    options: { post: connection.post, clock },
    close: async () => connection[Symbol.asyncDispose](),
  };
}

function openClient({
  id,
  secret,
  secretFile,
}: ClientSettings): IamClient & { readonly file: SecretFile } {
  const file = secretFile === undefined ? constant(secret) : createClientSecretFile(secretFile);
  return { id, secret: () => file.read(), file };
}

/** A secret of the environment, which cannot change. */
function constant(secret: Secret | undefined): SecretFile {
  if (secret === undefined) throw new Error("the checks missed an absent secret");
  return { read: () => Promise.resolve(secret), hasChanged: () => Promise.resolve(false) };
}
