/**
 * The one schema of everything that can be set. Each setting stands here once, with its variable, place in the YAML file,
 * kind, default and meaning; checking, the error texts, `--check-config` and the README's table are made from it.
 * The file is one table, which is why it is longer than others.
 */
import { z } from "zod";
import { overloadSettings, rateSettings } from "./overload-settings.ts";
import { group, optionalSetting, requiredSetting, setting } from "./setting.ts";
import { kinds } from "./value-kinds.ts";

const instance = z.strictObject({
  alias: setting(kinds.alias, {
    env: "GATEWAY_INSTANCE_ALIAS",
    fallback: "default",
    meaning: "Name by which callers choose the instance (metadata `x-kp-instance`).",
  }),
  serviceUrl: requiredSetting(kinds.serviceUrl, {
    env: "KP_SERVICE_URL",
    example: "https://us-south.kms.cloud.ibm.com",
    meaning: "Key Protect's endpoint, such as `https://us-south.kms.cloud.ibm.com`.",
  }),
  instanceId: requiredSetting(kinds.uuid, {
    env: "KP_INSTANCE_ID",
    example: "00000000-0000-4000-8000-000000000000",
    meaning: "ID of the Key Protect instance.",
  }),
  dialect: setting(kinds.choice(["current", "2019"]), {
    env: "KP_API_DIALECT",
    fallback: "current",
    meaning:
      "Generation of the REST API: `2019` (`?action=`, `/lockers`) or `current` (`/actions/…`, `/import_token`).",
  }),
  credentials: setting(kinds.choice(["gateway", "caller"]), {
    env: "GATEWAY_CREDENTIALS",
    isShared: true,
    fallback: "gateway",
    meaning:
      "Whose access token goes to Key Protect: one got with the gateway's API key, or the one that the caller sends as `authorization`.",
  }),
  apiKey: optionalSetting(kinds.secret, {
    env: "IBMCLOUD_API_KEY",
    isShared: true,
    isVariableOnly: true,
    meaning:
      "IBM Cloud API key. A file (`IBMCLOUD_API_KEY_FILE`) can be replaced without a restart.",
  }),
  apiKeyFile: optionalSetting(kinds.path, {
    env: "IBMCLOUD_API_KEY_FILE",
    isShared: true,
    meaning:
      "File that holds the API key: the key alone, or the JSON that `ibmcloud iam api-key-create --file` writes. Re-read when it changes.",
  }),
  iamUrl: setting(kinds.iamUrl, {
    env: "IAM_AUTH_URL",
    isShared: true,
    fallback: "https://iam.cloud.ibm.com",
    meaning: "IAM's endpoint. `/identity/token` is added if it has no path.",
  }),
  ...rateSettings,
});

const rule = z.strictObject({
  callers: requiredSetting(kinds.callers, {
    example: ["unix"],
    meaning: "Who may: SPIFFE IDs (a closing `/*` stands for any rest), `unix`, `anonymous`, `*`.",
  }),
  methods: requiredSetting(kinds.methods, {
    example: ["*"],
    meaning:
      "What they may: `KeysService/GetKey`, `KeyActionsService/*`, `*`. Methods that destroy or disclose have to be named.",
  }),
  instances: setting(kinds.aliases, {
    fallback: ["*"],
    meaning: "Where they may: aliases, or `*`.",
  }),
});

/** The schema of the YAML file and, through each setting's variable, of the environment. */
export const settings = z.strictObject({
  listen: setting(kinds.listenAddresses, {
    env: "GATEWAY_LISTEN",
    fallback: "127.0.0.1:50051",
    meaning: "Where gRPC is served: `host:port`, `[v6]:port`, `unix:/path`; several with commas.",
  }),
  adminListen: setting(kinds.tcpAddress, {
    env: "GATEWAY_ADMIN_LISTEN",
    fallback: "127.0.0.1:9464",
    meaning: "Where `/metrics`, `/state`, `/livez` and `/readyz` are served over HTTP.",
  }),
  logLevel: setting(kinds.choice(["trace", "debug", "info", "warn", "error", "fatal", "silent"]), {
    env: "GATEWAY_LOG_LEVEL",
    fallback: "info",
    meaning: "Least severe level that is logged.",
  }),
  reflection: setting(kinds.choice(["auto", "on", "off"]), {
    env: "GATEWAY_REFLECTION",
    fallback: "auto",
    meaning: "gRPC server reflection; `auto`: only if every listener is loopback or a Unix socket.",
  }),
  allowPlaintext: setting(kinds.flag, {
    env: "GATEWAY_ALLOW_PLAINTEXT",
    fallback: false,
    meaning:
      "Lets listeners beyond loopback do without TLS and client certificates. For a mesh that encrypts and authenticates by itself.",
  }),
  allowInsecureUpstream: setting(kinds.flag, {
    env: "GATEWAY_ALLOW_INSECURE_UPSTREAM",
    fallback: false,
    meaning: "Lets `http://` URLs of Key Protect and IAM point beyond loopback. For tests only.",
  }),
  tls: z
    .strictObject({
      certFile: optionalSetting(kinds.path, {
        env: "GATEWAY_TLS_CERT_FILE",
        meaning: "PEM certificate chain of the gRPC listeners. Re-read when it changes.",
      }),
      keyFile: optionalSetting(kinds.path, {
        env: "GATEWAY_TLS_KEY_FILE",
        meaning: "PEM private key that belongs to the certificate.",
      }),
      clientCaFile: optionalSetting(kinds.path, {
        env: "GATEWAY_TLS_CLIENT_CA_FILE",
        meaning: "PEM authorities of client certificates. If set, callers have to show one.",
      }),
      trustDomains: optionalSetting(kinds.trustDomains, {
        env: "GATEWAY_TLS_TRUST_DOMAINS",
        meaning:
          "SPIFFE trust domains that callers may come from. Needed with client certificates.",
      }),
    })
    .optional(),
  instances: z.array(instance).min(1).optional(),
  defaultInstance: optionalSetting(kinds.alias, {
    env: "GATEWAY_DEFAULT_INSTANCE",
    meaning: "Alias for calls that name no instance; the first instance if not set.",
  }),
  limits: group({
    // The largest legal request has 145 KiB: a ciphertext of 16,384 bytes, and 126 strings of 255 characters of 4 bytes.
    maxReceiveBytes: setting(kinds.integer(163_840, 16_777_216), {
      env: "GATEWAY_MAX_RECEIVE_BYTES",
      fallback: 196_608,
      meaning: "Largest request message.",
    }),
    // A page of 1,000 keys of the largest kind has 1.7 MB.
    maxSendBytes: setting(kinds.integer(2_097_152, 67_108_864), {
      env: "GATEWAY_MAX_SEND_BYTES",
      fallback: 4_194_304,
      meaning: "Largest response message.",
    }),
    maxMetadataBytes: setting(kinds.integer(1_024, 65_536), {
      env: "GATEWAY_MAX_METADATA_BYTES",
      fallback: 16_384,
      meaning: "Largest request metadata.",
    }),
    maxMetadataEntries: setting(kinds.integer(8, 1_000), {
      env: "GATEWAY_MAX_METADATA_ENTRIES",
      fallback: 64,
      meaning: "Most entries of request metadata.",
    }),
    maxConcurrentStreams: setting(kinds.integer(1, 100_000), {
      env: "GATEWAY_MAX_CONCURRENT_STREAMS",
      fallback: 1_000,
      meaning: "Most calls at a time on one connection.",
    }),
    maxDeadlineMs: setting(kinds.integer(1_000, 600_000), {
      env: "GATEWAY_MAX_DEADLINE_MS",
      fallback: 60_000,
      meaning: "Longest time a call may take, whatever deadline it came with.",
    }),
  }),
  drain: group({
    delayMs: setting(kinds.integer(0, 120_000), {
      env: "GATEWAY_DRAIN_DELAY_MS",
      fallback: 5_000,
      meaning: "How long serving goes on after SIGTERM, for load balancers to notice.",
    }),
    graceMs: setting(kinds.integer(0, 600_000), {
      env: "GATEWAY_DRAIN_GRACE_MS",
      fallback: 25_000,
      meaning: "How long calls in flight may take after that before they are ended.",
    }),
  }),
  upstream: group({
    connections: setting(kinds.integer(1, 1_024), {
      env: "GATEWAY_UPSTREAM_CONNECTIONS",
      fallback: 32,
      meaning: "Most connections to each Key Protect instance, and so requests at a time.",
    }),
    connectTimeoutMs: setting(kinds.integer(50, 30_000), {
      env: "GATEWAY_UPSTREAM_CONNECT_TIMEOUT_MS",
      fallback: 900,
      meaning: "How long connecting, with TLS, may take. No longer than a request.",
    }),
    caFile: optionalSetting(kinds.path, {
      env: "GATEWAY_UPSTREAM_CA_FILE",
      meaning: "PEM authorities trusted for Key Protect and IAM in place of the system's.",
    }),
    attemptTimeoutMs: optionalSetting(kinds.integer(50, 60_000), {
      env: "GATEWAY_UPSTREAM_ATTEMPT_TIMEOUT_MS",
      meaning:
        "How long one request to Key Protect may take; if not set, 3000 for what can be repeated, 8000 for other changes and lists of keys.",
    }),
  }),
  ...overloadSettings,
  policy: z.strictObject({ rules: z.array(rule).max(1_000) }).optional(),
});

/** The settings as the schema gives them, before the rules between settings are applied. */
export type Settings = z.output<typeof settings>;

/** The settings of one instance, as the schema gives them. */
export type InstanceSettings = z.output<typeof instance>;

/** The variable that names the YAML file; the one setting that the file cannot hold. */
export const configFileSetting = {
  env: "GATEWAY_CONFIG",
  expected: "the path of a file",
  meaning: "YAML file with any of the settings below. A variable wins over the file.",
} as const;
