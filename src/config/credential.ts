/** The credential of an instance: from the settings to the configuration, and back. */
import type { AuthType } from "../iam/token.ts";
import { redacted, Secret } from "../platform/secret.ts";
import { defaultCrTokenFiles } from "../iam/credentials/secret-file.ts";
import type { credentialSettings } from "./schema/credential-settings.ts";
import type { InstanceSettings } from "./schema/settings.ts";

/** Names of the settings that make up the credential. */
export type CredentialSetting = keyof typeof credentialSettings;

/** Settings of the credential. */
export type CredentialSettings = Pick<InstanceSettings, CredentialSetting>;

/** Whose access token is sent to Key Protect, and how the gateway gets its own. */
export type InstanceCredential = { readonly kind: "caller" } | GatewayCredential;

/** How the gateway gets its own token. */
export type GatewayCredential = BaseCredential | AssumeCredential;

/** A credential that needs no other one. */
export type BaseCredential =
  | ({ readonly kind: "apiKey"; readonly apiKey: Secret } & IamRequestSettings)
  | ({ readonly kind: "apiKeyFile"; readonly path: string } & IamRequestSettings)
  | ContainerCredential
  | VpcCredential;

/** The profile that the identity of another credential assumes. */
export interface AssumeCredential {
  readonly kind: "assume";
  readonly base: BaseCredential;
  readonly profile: ProfileNames;
  readonly iamUrl: string;
}

/** A trusted profile, proven by a compute-resource token. */
export interface ContainerCredential extends IamRequestSettings {
  readonly kind: "container";
  /** Absent: one of the platform's files. */
  readonly tokenFile: string | undefined;
  readonly profile: ProfileNames;
}

/** A trusted profile, proven by the metadata service. */
export interface VpcCredential {
  readonly kind: "vpc";
  readonly imsUrl: string;
  readonly imsVersion: NonNullable<CredentialSettings["vpcImsVersion"]>;
  /** Without a name: the server's default profile. */
  readonly profile: ProfileNames;
}

/** Settings of a request to IAM. */
export interface IamRequestSettings {
  readonly iamUrl: string;
  readonly scope: string | undefined;
  /** Absent: the request names no client. */
  readonly client: ClientSettings | undefined;
}

/** A client of IAM's token service. Exactly one of `secret` and `secretFile` is set. */
export interface ClientSettings {
  readonly id: string;
  readonly secret: Secret | undefined;
  readonly secretFile: string | undefined;
}

/** Names of a trusted profile. */
export interface ProfileNames {
  readonly id: string | undefined;
  readonly name: string | undefined;
  readonly crn: string | undefined;
  readonly accountId: string | undefined;
}

/** The link-local address of IBM's metadata service. */
const defaultImsUrl = "http://169.254.169.254";

/** Converts checked settings. */
export function toCredential(settings: CredentialSettings): InstanceCredential {
  const { credentials, authType, iamUrl } = settings;
  if (credentials === "caller") return { kind: "caller" };
  const profile = {
    id: settings.profileId,
    name: settings.profileName,
    crn: settings.profileCrn,
    accountId: settings.accountId,
  };
  if (authType !== "iamAssume") return toBase(authType, profile, settings);
  const baseProfile = {
    id: settings.baseProfileId,
    name: settings.baseProfileName,
    crn: settings.baseProfileCrn,
    accountId: undefined,
  };
  const base = toBase(settings.baseAuthType ?? "iam", baseProfile, settings);
  return { kind: "assume", base, profile, iamUrl };
}

function toBase(
  type: Exclude<AuthType, "iamAssume">,
  profile: ProfileNames,
  settings: CredentialSettings,
): BaseCredential {
  if (type === "vpc") {
    const { vpcImsUrl: imsUrl = defaultImsUrl, vpcImsVersion: imsVersion = "2022-03-01" } =
      settings;
    return { kind: "vpc", imsUrl, imsVersion, profile };
  }
  const { iamUrl, scope, clientId, clientSecret, clientSecretFile } = settings;
  const client = clientId === undefined ? undefined : { id: clientId, secret: clientSecret };
  const request = {
    iamUrl,
    scope,
    client: client && { ...client, secretFile: clientSecretFile },
  };
  if (type === "container") {
    return { kind: "container", tokenFile: settings.crTokenFile, profile, ...request };
  }
  const { apiKey, apiKeyFile } = settings;
  if (apiKey !== undefined) return { kind: "apiKey", apiKey, ...request };
  if (apiKeyFile !== undefined) return { kind: "apiKeyFile", path: apiKeyFile, ...request };
  throw new Error("the checks missed an absent API key");
}

/** A text that two credentials share only if they are the same. It contains secrets. */
export function credentialIdentity(value: unknown): string {
  if (value instanceof Secret) return JSON.stringify(value.reveal());
  if (typeof value !== "object" || value === null) return JSON.stringify(value) ?? "";
  const fields = Object.entries(value).map(([name, each]) => `${name}:${credentialIdentity(each)}`);
  return `{${fields.join()}}`;
}

/** The files of a credential. */
export interface CredentialFiles {
  /** Files that hold a secret until somebody replaces it. */
  readonly secrets: readonly string[];
  /** Files that hold a token, which the platform replaces every hour or so. */
  readonly tokens: readonly string[];
}

/** Returns the files that a credential is read from. */
export function credentialFiles(credential: InstanceCredential): CredentialFiles {
  const base = credential.kind === "assume" ? credential.base : credential;
  if (base.kind === "caller" || base.kind === "vpc") return { secrets: [], tokens: [] };
  const secretFile = base.client?.secretFile;
  const clientFiles = secretFile === undefined ? [] : [secretFile];
  if (base.kind === "container") {
    const { tokenFile } = base;
    const tokens = tokenFile === undefined ? defaultCrTokenFiles : [tokenFile];
    return { secrets: clientFiles, tokens };
  }
  return {
    secrets: base.kind === "apiKeyFile" ? [base.path, ...clientFiles] : clientFiles,
    tokens: [],
  };
}

/** Settings as texts; `undefined` if they are not set. */
type Described = Readonly<Partial<Record<CredentialSetting, string | undefined>>>;

/** The kind of a credential, in the words of the settings. */
export function authTypeOf({ kind }: GatewayCredential): AuthType {
  if (kind === "assume") return "iamAssume";
  return kind === "apiKey" || kind === "apiKeyFile" ? "iam" : kind;
}

/** Converts a credential back to settings. Secrets are redacted. */
export function describeCredential(credential: InstanceCredential): Described {
  if (credential.kind === "caller") return { credentials: "caller" };
  const own = { credentials: "gateway", authType: authTypeOf(credential) };
  if (credential.kind !== "assume") {
    const profile = "profile" in credential ? credential.profile : undefined;
    return { ...own, ...describeProfile(profile), ...describeBase(credential) };
  }
  const { base, profile, iamUrl } = credential;
  const baseProfile = "profile" in base ? base.profile : undefined;
  return {
    ...own,
    ...describeProfile(profile),
    baseAuthType: authTypeOf(base),
    baseProfileId: baseProfile?.id,
    baseProfileName: baseProfile?.name,
    baseProfileCrn: baseProfile?.crn,
    ...describeBase(base),
    iamUrl,
  };
}

const describeProfile = (profile: ProfileNames | undefined) => ({
  profileId: profile?.id,
  profileName: profile?.name,
  profileCrn: profile?.crn,
  accountId: profile?.accountId,
});

function describeBase(base: BaseCredential): Described {
  if (base.kind === "vpc") return { vpcImsUrl: base.imsUrl, vpcImsVersion: base.imsVersion };
  const { iamUrl, scope, client } = base;
  return {
    apiKey: base.kind === "apiKey" ? redacted : undefined,
    apiKeyFile: base.kind === "apiKeyFile" ? base.path : undefined,
    crTokenFile: base.kind === "container" ? base.tokenFile : undefined,
    iamUrl,
    scope,
    clientId: client?.id,
    clientSecret: client?.secret === undefined ? undefined : redacted,
    clientSecretFile: client?.secretFile,
  };
}
