/** The rules about the gateway's credential. A setting that would have no effect is refused. */
import type { AuthType } from "../../iam/token.ts";
import type { CredentialSetting } from "../credential.ts";
import { isLinkLocalHost, isLoopbackHost } from "../listen-address.ts";
import { credentialSettings } from "../schema/credential-settings.ts";
import type { InstanceSettings, Settings } from "../schema/settings.ts";
import type { SettingFinding } from "./schema.ts";

type BaseType = Exclude<AuthType, "iamAssume">;

/** Names of the settings that name one profile: ID, name and CRN. */
type ProfileSettings = readonly [CredentialSetting, CredentialSetting, CredentialSetting];

const ownProfile: ProfileSettings = ["profileId", "profileName", "profileCrn"];
const baseProfile: ProfileSettings = ["baseProfileId", "baseProfileName", "baseProfileCrn"];
const client: readonly CredentialSetting[] = ["clientId", "clientSecret", "clientSecretFile"];

/** Settings that are never refused: they have a default, so that it cannot be told who set them. */
const alwaysAllowed: readonly string[] = ["credentials", "authType", "iamUrl"];

/** Checks the credential of the instance at a place of the list. */
export function* checkCredential(
  instance: InstanceSettings,
  at: number,
  { allowInsecureUpstream }: Pick<Settings, "allowInsecureUpstream">,
): Generator<SettingFinding> {
  const place = (name: CredentialSetting): SettingFinding["path"] => ["instances", at, name];
  const used = new Set<string>([...alwaysAllowed, ...usedBy(instance)]);
  const unusedWhy =
    instance.credentials === "caller"
      ? "is not used if callers send their own tokens (GATEWAY_CREDENTIALS=caller)"
      : `has no effect with ${writeTypes(instance)}`;
  for (const [name, value] of Object.entries(instance)) {
    if (!(name in credentialSettings) || value === undefined || used.has(name)) continue;
    yield { path: ["instances", at, name], what: unusedWhy };
  }
  for (const name of ["apiKey", "clientSecret"] as const) {
    if (instance[name] === undefined || !/[\s\p{Cc}]/u.test(instance[name].reveal())) continue;
    // A copying mistake. IAM would only say that it does not know the key.
    yield { path: place(name), what: "must not contain white space" };
  }
  if (instance.credentials === "caller") return;
  for (const [name, what] of problemsOf(instance)) yield { path: place(name), what };
  if (!isPlainAllowed(instance.vpcImsUrl) && !allowInsecureUpstream) {
    const what =
      "has to be an `https://` URL or a link-local address such as `http://169.254.169.254`: over `http://`, another host could answer";
    yield { path: place("vpcImsUrl"), what };
  }
}

/** The ways to get a token that an instance uses; the base of `iamAssume` is the last one. */
export function typesOf(instance: InstanceSettings): AuthType[] {
  const { credentials, authType, baseAuthType = "iam" } = instance;
  if (credentials === "caller") return [];
  return authType === "iamAssume" ? [authType, baseAuthType] : [authType];
}

/** Whether IAM itself is asked, and not only the metadata service. */
export const isIamAsked = (instance: InstanceSettings): boolean =>
  typesOf(instance).some((type) => type !== "vpc");

const writeTypes = (instance: InstanceSettings): string => {
  const [type, base] = typesOf(instance);
  return base === undefined ? `authType \`${type}\`` : `authType \`${type}\` on top of \`${base}\``;
};

function usedBy(instance: InstanceSettings): readonly CredentialSetting[] {
  const { authType, baseAuthType = "iam", credentials } = instance;
  if (credentials === "caller") return [];
  if (authType !== "iamAssume") return usedByBase(authType, ownProfile);
  const base = usedByBase(baseAuthType, baseProfile);
  return [...ownProfile, "accountId", "baseAuthType", ...base];
}

function usedByBase(type: BaseType, [id, name, crn]: ProfileSettings): CredentialSetting[] {
  if (type === "vpc") return [id, name, crn, "vpcImsUrl", "vpcImsVersion"];
  const proof: CredentialSetting[] =
    type === "iam" ? ["apiKey", "apiKeyFile"] : ["crTokenFile", id, name];
  return [...proof, "scope", ...client];
}

type Problem = readonly [CredentialSetting, string];

/** Finds names that are missing or given twice. */
function* problemsOf(instance: InstanceSettings): Generator<Problem> {
  const { authType, baseAuthType = "iam", profileName, accountId } = instance;
  if (authType !== "iamAssume") {
    yield* baseProblems(instance, authType, ownProfile);
    return;
  }
  const given = givenNames(instance, ownProfile);
  if (given.length === 0) {
    yield [
      "profileId",
      "is missing; `iamAssume` needs it, profileCrn, or profileName and accountId",
    ];
  }
  yield* onlyOne(given, "the profile");
  if (profileName !== undefined && accountId === undefined) {
    yield ["accountId", "is missing; `iamAssume` looks up profileName in this account"];
  }
  if (profileName === undefined && accountId !== undefined) {
    yield ["accountId", "has no effect without profileName"];
  }
  yield* baseProblems(instance, baseAuthType, baseProfile);
}

function* baseProblems(
  instance: InstanceSettings,
  type: BaseType,
  profile: ProfileSettings,
): Generator<Problem> {
  const [id, name] = profile;
  if (type === "iam") yield* apiKeyProblems(instance);
  if (type !== "vpc") yield* clientProblems(instance);
  if (type === "container" && instance[id] === undefined && instance[name] === undefined) {
    yield [id, `is missing; \`container\` needs it, or ${name}`];
  }
  if (type !== "vpc") return;
  yield* onlyOne(givenNames(instance, profile), "the profile");
  if (instance[name] !== undefined && instance.vpcImsVersion !== "2025-08-26") {
    yield [name, "needs vpcImsVersion `2025-08-26`; use the ID or the CRN of the profile"];
  }
}

function* apiKeyProblems({ apiKey, apiKeyFile }: InstanceSettings): Generator<Problem> {
  if (apiKey !== undefined && apiKeyFile !== undefined) {
    yield ["apiKey", "is set together with IBMCLOUD_API_KEY_FILE; set only one"];
  } else if (apiKey === undefined && apiKeyFile === undefined) {
    yield [
      "apiKeyFile",
      "is missing; set it, or IBMCLOUD_API_KEY, or KP_AUTH_TYPE for a trusted profile, or GATEWAY_CREDENTIALS=caller to use callers' tokens",
    ];
  }
}

function* clientProblems(instance: InstanceSettings): Generator<Problem> {
  const { clientId, clientSecret, clientSecretFile } = instance;
  const hasSecret = clientSecret !== undefined || clientSecretFile !== undefined;
  if (clientSecret !== undefined && clientSecretFile !== undefined) {
    yield ["clientSecret", "is set together with IAM_CLIENT_SECRET_FILE; set only one"];
  }
  if (clientId !== undefined && !hasSecret) {
    yield ["clientId", "needs a secret (IAM_CLIENT_SECRET_FILE or IAM_CLIENT_SECRET)"];
  }
  if (clientId === undefined && hasSecret) yield ["clientId", "is missing; the secret needs it"];
}

const givenNames = (instance: InstanceSettings, names: ProfileSettings): CredentialSetting[] =>
  names.filter((name) => instance[name] !== undefined);

function* onlyOne([first, second]: readonly CredentialSetting[], of: string): Generator<Problem> {
  if (first === undefined || second === undefined) return;
  yield [second, `names ${of} a second time, beside ${first}; set only one`];
}

/** Whether an identity token may be asked for without TLS: nothing else can have this address. */
function isPlainAllowed(imsUrl: string | undefined): boolean {
  if (imsUrl === undefined) return true;
  const { protocol, hostname } = new URL(imsUrl);
  return protocol === "https:" || isLinkLocalHost(hostname) || isLoopbackHost(hostname);
}
