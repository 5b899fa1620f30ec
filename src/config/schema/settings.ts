/**
 * The schema of all settings. Each setting is declared once, with its variable, place in the YAML
 * file, kind, default and meaning. The checks, error texts, `Config`, `--check-config` and the
 * tables of the documentation are made from it. The file is one table, so it is longer than others.
 */
import * as z from "zod";
import { connectionSettings } from "./connection-settings.ts";
import { credentialSettings } from "./credential-settings.ts";
import { endpointSettings } from "./endpoint-settings.ts";
import { overloadSettings, rateSettings } from "./overload-settings.ts";
import { proxySettings } from "./proxy-settings.ts";
import { group, optionalSetting, requiredSetting, setting } from "./setting.ts";
import { tracingSettings } from "./tracing-settings.ts";
import { kinds } from "./value-kinds.ts";

const instance = z.strictObject({
  alias: setting(kinds.alias, {
    env: "GATEWAY_INSTANCE_ALIAS",
    fallback: "default",
    meaning: "Name by which callers select the instance (metadata `x-kp-instance`).",
  }),
  serviceUrl: requiredSetting(kinds.serviceUrl, {
    env: "KP_SERVICE_URL",
    example: "https://us-south.kms.cloud.ibm.com",
    meaning: "Key Protect endpoint, such as `https://us-south.kms.cloud.ibm.com`.",
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
      "Version of the REST API: `2019` (`?action=`, `/lockers`) or `current` (`/actions/…`, `/import_token`).",
  }),
  ...credentialSettings,
  egressAddresses: optionalSetting(kinds.ipNetworks, {
    env: "GATEWAY_EGRESS_ADDRESSES",
    isShared: true,
    meaning:
      "Every address from which Key Protect gets requests of the gateway and its replicas: those of NAT gateways or proxies, or, for a private endpoint, of the private network's gateway. With them ReplaceInstancePolicies can tell whether an `allowed_ip` policy would shut the gateway out. If not set, each such policy is refused without `accept_lockout`.",
  }),
  ...rateSettings,
});

const rule = z.strictObject({
  callers: requiredSetting(kinds.callers, {
    reload: "applied",
    example: ["unix"],
    meaning:
      "Callers that the rule allows: SPIFFE IDs (a trailing `/*` matches any rest), `unix`, `anonymous`, the `caller` of an endpoint, `*`.",
  }),
  methods: requiredSetting(kinds.methods, {
    reload: "applied",
    example: ["*"],
    meaning:
      "Methods that they may call: `KeysService/GetKey`, `KeyActionsService/*`, `*`; those of endpoints are `KubernetesKms/Status`, `KubernetesKms/Encrypt`, `KubernetesKms/Decrypt`, `SopsKeyService/Encrypt` and `SopsKeyService/Decrypt`. The wildcards do not include the sensitive methods, which destroy, disclose or set something for good or for all; those must be named: [which ones](operations.md#times-per-rpc).",
  }),
  instances: setting(kinds.aliases, {
    reload: "applied",
    fallback: ["*"],
    meaning: "Instances that they may use: aliases, or `*`.",
  }),
  keyRings: setting(kinds.keyRings, {
    reload: "applied",
    fallback: ["*"],
    meaning:
      "Key rings that they may use: IDs, or `*`. With IDs the rule allows only calls that name one of these rings in `x-kp-key-ring` (or `key_ring_id`), and so no methods for lockers, key rings and other things that lie in no ring.",
  }),
});

/** The schema of the YAML file and, through the variables, of the environment. */
export const settings = z.strictObject({
  listen: setting(kinds.listenAddresses, {
    env: "GATEWAY_LISTEN",
    fallback: "127.0.0.1:50051",
    meaning:
      "Addresses of the gRPC server: `host:port`, `[v6]:port`, `unix:/path`; several are separated by commas.",
  }),
  adminListen: setting(kinds.tcpAddress, {
    env: "GATEWAY_ADMIN_LISTEN",
    fallback: "127.0.0.1:9464",
    meaning: "Address for HTTP: `/metrics`, `/state`, `/livez`, `/readyz` and `/console`.",
  }),
  console: group({
    mode: setting(kinds.choice(["auto", "on", "off"]), {
      env: "GATEWAY_CONSOLE",
      fallback: "auto",
      meaning:
        "The page `/console` on the admin listener, which shows the gateway's state and its last errors. `auto`: on only if the admin listener is on loopback. It has no authentication.",
    }),
    callers: setting(kinds.flag, {
      env: "GATEWAY_CONSOLE_CALLERS",
      fallback: false,
      meaning: "Whether the console names callers. If not, it numbers them.",
    }),
    hosts: optionalSetting(kinds.hostNames, {
      env: "GATEWAY_CONSOLE_HOSTS",
      meaning:
        "Further host names under which the console may be opened, such as that of a proxy. It always answers to IP addresses, to `localhost` and to the host of the admin listener, and to no other name, so that no foreign web page can read it (DNS rebinding).",
    }),
  }),
  logLevel: setting(kinds.choice(["trace", "debug", "info", "warn", "error", "fatal", "silent"]), {
    env: "GATEWAY_LOG_LEVEL",
    reload: "applied",
    fallback: "info",
    meaning: "Lowest level that is logged.",
  }),
  reflection: setting(kinds.choice(["auto", "on", "off"]), {
    env: "GATEWAY_REFLECTION",
    fallback: "auto",
    meaning:
      "gRPC server reflection. `auto`: on only if every listener is on loopback or a Unix socket.",
  }),
  allowPlaintext: setting(kinds.flag, {
    env: "GATEWAY_ALLOW_PLAINTEXT",
    fallback: false,
    meaning:
      "Allows listeners beyond loopback without TLS and client certificates. For a service mesh that encrypts and authenticates itself.",
  }),
  allowInsecureUpstream: setting(kinds.flag, {
    env: "GATEWAY_ALLOW_INSECURE_UPSTREAM",
    fallback: false,
    meaning: "Allows `http://` URLs of Key Protect and IAM beyond loopback. For tests only.",
  }),
  tls: z
    .strictObject({
      certFile: optionalSetting(kinds.path, {
        env: "GATEWAY_TLS_CERT_FILE",
        reload: "applied",
        meaning: "PEM certificate chain of the gRPC listeners. It is read again when it changes.",
      }),
      keyFile: optionalSetting(kinds.path, {
        env: "GATEWAY_TLS_KEY_FILE",
        reload: "applied",
        meaning: "PEM private key of the certificate.",
      }),
      clientCaFile: optionalSetting(kinds.path, {
        env: "GATEWAY_TLS_CLIENT_CA_FILE",
        reload: "applied",
        meaning:
          "PEM file of the authorities that issue client certificates. If set, callers must present one.",
      }),
      trustDomains: optionalSetting(kinds.trustDomains, {
        env: "GATEWAY_TLS_TRUST_DOMAINS",
        meaning:
          "SPIFFE trust domains from which callers are accepted. Required with client certificates.",
      }),
    })
    .optional(),
  instances: z.array(instance).min(1).optional(),
  defaultInstance: optionalSetting(kinds.alias, {
    env: "GATEWAY_DEFAULT_INSTANCE",
    meaning:
      "Alias of the instance for calls that name none. If it is not set and there are several instances, such calls are refused.",
  }),
  limits: group({
    // The largest valid request has 145 KiB: a ciphertext of 16,384 bytes, and 126 strings of 255
    // characters of 4 bytes.
    maxReceiveBytes: setting(kinds.integer(163_840, 16_777_216), {
      env: "GATEWAY_MAX_RECEIVE_BYTES",
      fallback: 196_608,
      meaning: "Maximum size of a request message, in bytes.",
    }),
    // A page of 1,000 keys of the largest kind has 1.7 MB.
    maxSendBytes: setting(kinds.integer(2_097_152, 67_108_864), {
      env: "GATEWAY_MAX_SEND_BYTES",
      fallback: 4_194_304,
      meaning: "Maximum size of a response message, in bytes.",
    }),
    maxMetadataBytes: setting(kinds.integer(1_024, 65_536), {
      env: "GATEWAY_MAX_METADATA_BYTES",
      fallback: 16_384,
      meaning: "Maximum size of the request metadata, in bytes.",
    }),
    maxMetadataEntries: setting(kinds.integer(8, 1_000), {
      env: "GATEWAY_MAX_METADATA_ENTRIES",
      fallback: 64,
      meaning: "Maximum number of entries in the request metadata.",
    }),
    maxConcurrentStreams: setting(kinds.integer(1, 100_000), {
      env: "GATEWAY_MAX_CONCURRENT_STREAMS",
      fallback: 1_000,
      meaning: "Maximum number of concurrent calls on one connection.",
    }),
    maxDeadlineMs: setting(kinds.integer(1_000, 600_000), {
      env: "GATEWAY_MAX_DEADLINE_MS",
      fallback: 60_000,
      meaning: "Maximum duration of a call, even if its deadline is later.",
    }),
  }),
  ...connectionSettings,
  drain: group({
    delayMs: setting(kinds.integer(0, 120_000), {
      env: "GATEWAY_DRAIN_DELAY_MS",
      fallback: 5_000,
      meaning:
        "How long the gateway still accepts calls after SIGTERM, so that load balancers notice.",
    }),
    graceMs: setting(kinds.integer(0, 600_000), {
      env: "GATEWAY_DRAIN_GRACE_MS",
      fallback: 25_000,
      meaning: "After `delayMs`: how long active calls may still run before they are ended.",
    }),
  }),
  upstream: group({
    connections: setting(kinds.integer(1, 1_024), {
      env: "GATEWAY_UPSTREAM_CONNECTIONS",
      fallback: 32,
      meaning:
        "Maximum number of connections to each Key Protect instance, and so of concurrent requests.",
    }),
    connectTimeoutMs: setting(kinds.integer(50, 30_000), {
      env: "GATEWAY_UPSTREAM_CONNECT_TIMEOUT_MS",
      fallback: 900,
      meaning:
        "Connect time-out (TCP and TLS) to Key Protect and IAM. A name's first address has half of it, so that another can be tried. Cannot be longer than the attempt time-out.",
    }),
    caFile: optionalSetting(kinds.path, {
      env: "GATEWAY_UPSTREAM_CA_FILE",
      meaning:
        "PEM file of the certificate authorities trusted for Key Protect, IAM and the metadata service instead of the system's.",
    }),
    attemptTimeoutMs: optionalSetting(kinds.integer(50, 60_000), {
      env: "GATEWAY_UPSTREAM_ATTEMPT_TIMEOUT_MS",
      meaning:
        "Time-out of one request to Key Protect (attempt). If not set: 3000 for RPCs that can be retried, 8000 for other changes and for ListKeys.",
    }),
  }),
  proxy: proxySettings,
  ...overloadSettings,
  tracing: tracingSettings,
  endpoints: z.array(endpointSettings).max(100).optional(),
  policy: z.strictObject({ rules: z.array(rule).max(1_000) }).optional(),
});

/** The output of the schema, before the rules between settings are checked. */
export type Settings = z.output<typeof settings>;

/** The output of the schema for one instance. */
export type InstanceSettings = z.output<typeof instance>;

/** The variable that names the YAML file. */
export const configFileSetting = {
  env: "GATEWAY_CONFIG",
  expected: "the path of a file",
  meaning: "Path of a YAML file with any of the settings below. A variable overrides the file.",
} as const;
