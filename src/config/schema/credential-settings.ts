/** The part of the schema about the way in which the gateway gets its own access token. */
import { authTypes } from "../../iam/token.ts";
import { optionalSetting, setting } from "./setting.ts";
import { kinds } from "./value-kinds.ts";

/** Settings of one instance: the gateway's credential. */
export const credentialSettings = {
  credentials: setting(kinds.choice(["gateway", "caller"]), {
    env: "GATEWAY_CREDENTIALS",
    isShared: true,
    fallback: "gateway",
    meaning:
      "Which access token is sent to Key Protect: `gateway`, one that IAM issues for the gateway's own credential (`authType`); `caller`, the one in the caller's `authorization` metadata.",
  }),
  authType: setting(kinds.choice(authTypes), {
    env: "KP_AUTH_TYPE",
    isShared: true,
    reload: "applied",
    fallback: "iam",
    meaning:
      "The gateway's own credential, in the words of IBM's SDKs. `iam`: an API key. `container`: a trusted profile, proven by the token that the platform puts into a file (IKS, ROKS, Code Engine). `vpc`: a trusted profile, proven by the metadata service of a VPC server. `iamAssume`: a trusted profile, also of another account, that the identity of `baseAuthType` assumes.",
  }),
  apiKey: optionalSetting(kinds.secret, {
    env: "IBMCLOUD_API_KEY",
    isShared: true,
    reload: "applied",
    isVariableOnly: true,
    meaning:
      "IBM Cloud API key. Prefer a file (`IBMCLOUD_API_KEY_FILE`): it can be replaced without a restart.",
  }),
  apiKeyFile: optionalSetting(kinds.path, {
    env: "IBMCLOUD_API_KEY_FILE",
    isShared: true,
    reload: "applied",
    meaning:
      "File that contains the API key: the key alone, or the JSON that `ibmcloud iam api-key-create --file` writes. It is read again when it changes.",
  }),
  crTokenFile: optionalSetting(kinds.path, {
    env: "CR_TOKEN_FILENAME",
    isShared: true,
    reload: "applied",
    meaning:
      "With `container`: the file that contains the compute-resource token. It is read again for each exchange. If not set: the first that can be read of `/var/run/secrets/tokens/vault-token`, `/var/run/secrets/tokens/sa-token` and `/var/run/secrets/codeengine.cloud.ibm.com/compute-resource-token/token`.",
  }),
  profileId: optionalSetting(kinds.name, {
    env: "IAM_PROFILE_ID",
    isShared: true,
    reload: "applied",
    meaning:
      "ID of the trusted profile. `container` needs this, the name or both; `vpc` at most one of ID, name and CRN; `iamAssume` exactly one.",
  }),
  profileName: optionalSetting(kinds.label, {
    env: "IAM_PROFILE_NAME",
    isShared: true,
    reload: "applied",
    meaning:
      "Name of the trusted profile. With `iamAssume` it needs `accountId`, with `vpc` the version `2025-08-26`.",
  }),
  profileCrn: optionalSetting(kinds.crn, {
    env: "IAM_PROFILE_CRN",
    isShared: true,
    reload: "applied",
    meaning: "CRN of the trusted profile. For `vpc` and `iamAssume`.",
  }),
  accountId: optionalSetting(kinds.name, {
    env: "IAM_ACCOUNT_ID",
    isShared: true,
    reload: "applied",
    meaning: "With `iamAssume`: ID of the account in which `profileName` is looked up.",
  }),
  baseAuthType: optionalSetting(kinds.choice(["iam", "container", "vpc"]), {
    env: "KP_BASE_AUTH_TYPE",
    isShared: true,
    reload: "applied",
    meaning:
      "With `iamAssume`: the credential of the identity that assumes the profile. If not set: `iam`.",
  }),
  baseProfileId: optionalSetting(kinds.name, {
    env: "KP_BASE_PROFILE_ID",
    isShared: true,
    reload: "applied",
    meaning:
      "With `iamAssume` and a `baseAuthType` of `container` or `vpc`: ID of the trusted profile that assumes the other one.",
  }),
  baseProfileName: optionalSetting(kinds.label, {
    env: "KP_BASE_PROFILE_NAME",
    isShared: true,
    reload: "applied",
    meaning: "The same, by name.",
  }),
  baseProfileCrn: optionalSetting(kinds.crn, {
    env: "KP_BASE_PROFILE_CRN",
    isShared: true,
    reload: "applied",
    meaning: "The same, by CRN. For a `baseAuthType` of `vpc`.",
  }),
  vpcImsUrl: optionalSetting(kinds.originUrl, {
    env: "VPC_IMS_URL",
    isShared: true,
    reload: "applied",
    meaning:
      "With `vpc`: the metadata service. `http://` is accepted for a link-local address only. It is never reached through a proxy. If not set: `http://169.254.169.254`.",
  }),
  vpcImsVersion: optionalSetting(kinds.choice(["2022-03-01", "2025-08-26"]), {
    env: "VPC_IMS_VERSION",
    isShared: true,
    reload: "applied",
    meaning:
      "With `vpc`: the version of the metadata service's API. Bare metal servers need `2025-08-26`. If not set: `2022-03-01`.",
  }),
  iamUrl: setting(kinds.iamUrl, {
    env: "IAM_AUTH_URL",
    isShared: true,
    reload: "applied",
    fallback: "https://iam.cloud.ibm.com",
    meaning:
      "IAM endpoint. `/identity/token` is added if the URL has no path. In private networks: `https://private.iam.cloud.ibm.com`.",
  }),
  scope: optionalSetting(kinds.label, {
    env: "IAM_SCOPE",
    isShared: true,
    reload: "applied",
    meaning: "Scope of the access token, for `iam` and `container`. If not set: IAM's default.",
  }),
  clientId: optionalSetting(kinds.clientId, {
    env: "IAM_CLIENT_ID",
    isShared: true,
    reload: "applied",
    meaning:
      "Client of IAM's token service, for `iam` and `container`. Needs a client secret. IAM may limit the requests of a known client less.",
  }),
  clientSecret: optionalSetting(kinds.secret, {
    env: "IAM_CLIENT_SECRET",
    isShared: true,
    reload: "applied",
    isVariableOnly: true,
    meaning: "Secret of the client. Prefer a file (`IAM_CLIENT_SECRET_FILE`).",
  }),
  clientSecretFile: optionalSetting(kinds.path, {
    env: "IAM_CLIENT_SECRET_FILE",
    isShared: true,
    reload: "applied",
    meaning: "File that contains the client's secret. It is read again for each exchange.",
  }),
};
