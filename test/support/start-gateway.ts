/**
 * The complete path for integration tests: generated grpc-js clients → gateway → emulator, over
 * sockets. All output of the gateway (log lines at level trace, metrics, statuses, metadata, spans)
 * is kept and searched for secrets, and the log for lines that docs/logging.md does not list, when
 * the test ends.
 */
import { credentials, Metadata, status, type CallOptions, type ServiceError } from "@grpc/grpc-js";
import { expect } from "vitest";
import {
  unaryCall,
  type MethodOf,
  type Outcome,
  type RequestOf,
  type ResponseOf,
} from "../../examples/unary-call.ts";
import { formatListenAddress } from "../../src/config/listen-address.ts";
import { type ConfigReading, readConfigSources } from "../../src/config/config-source.ts";
import { loadConfig } from "../../src/config/load-config.ts";
import type { Emulator } from "../../src/emulator/emulator.ts";
import { defaultIamClient, type EmulatorOptions } from "../../src/emulator/options.ts";
import { startGateway, type Gateway, type GatewayDeps } from "../../src/gateway/start-gateway.ts";
import type { ReloadSource } from "../../src/gateway/reload/reload.ts";
import { KmipAdaptersServiceClient } from "../../src/gen/keyprotect/kmip/v1/kmip_adapters_service.ts";
import { KmipCertificatesServiceClient } from "../../src/gen/keyprotect/kmip/v1/kmip_certificates_service.ts";
import { KmipObjectsServiceClient } from "../../src/gen/keyprotect/kmip/v1/kmip_objects_service.ts";
import { KeyActionsServiceClient } from "../../src/gen/keyprotect/v1/key_actions_service.ts";
import { InstancePoliciesServiceClient } from "../../src/gen/keyprotect/v1/instance_policies_service.ts";
import { AliasesServiceClient } from "../../src/gen/keyprotect/v1/aliases_service.ts";
import { KeyRingsServiceClient } from "../../src/gen/keyprotect/v1/key_rings_service.ts";
import { RegistrationsServiceClient } from "../../src/gen/keyprotect/v1/registrations_service.ts";
import { KeysServiceClient } from "../../src/gen/keyprotect/v1/keys_service.ts";
import { LockersServiceClient } from "../../src/gen/keyprotect/v1/lockers_service.ts";
import { PoliciesServiceClient } from "../../src/gen/keyprotect/v1/policies_service.ts";
import { createLogger } from "../../src/observability/logging/logger.ts";
import { undocumentedIn } from "./documented-log.ts";
import type { OtlpSink } from "./otlp-sink.ts";
import { createSecretLedger, type SecretLedger } from "./secret-ledger.ts";
import { startEmulator } from "./start-emulator.ts";
import { statusDetails, type StatusDetailsSeen } from "./status-details.ts";

/** Clients of all services. */
export interface Clients {
  readonly keys: KeysServiceClient;
  readonly actions: KeyActionsServiceClient;
  readonly policies: PoliciesServiceClient;
  readonly instancePolicies: InstancePoliciesServiceClient;
  readonly aliases: AliasesServiceClient;
  readonly keyRings: KeyRingsServiceClient;
  readonly registrations: RegistrationsServiceClient;
  readonly lockers: LockersServiceClient;
  readonly kmipAdapters: KmipAdaptersServiceClient;
  readonly kmipObjects: KmipObjectsServiceClient;
  readonly kmipCertificates: KmipCertificatesServiceClient;
}

/** The failure of a call. */
export interface Failure extends StatusDetailsSeen {
  /** Name of the status, such as `NOT_FOUND`. */
  readonly code: string;
  /** `ErrorInfo.reason`; empty if there is none. */
  readonly reason: string;
  readonly message: string;
  readonly correlationId: string;
  readonly error: ServiceError;
}

/** Options of one call. */
export interface CallSettings extends Partial<CallOptions> {
  readonly metadata?: Readonly<Record<string, string>>;
}

/** Environment variables. */
type Variables = Readonly<Record<string, string>>;

/** Texts by path. */
type Files = Readonly<Record<string, string>>;

export interface TestGatewayOptions {
  readonly dialect?: "2019" | "current";
  readonly emulator?: EmulatorOptions;
  /** Further environment variables. An empty text removes a variable. */
  readonly env?: Variables;
  /** Further variables, from the emulator's address. */
  readonly envOf?: (emulator: Emulator) => Variables;
  /** Files that the configuration names, by path. A function can use the emulator's address. */
  readonly files?: Files | ((emulator: Emulator) => Files | Promise<Files>);
  readonly deps?: Omit<GatewayDeps, "logger" | "reload">;
  /** Reads the configuration from real files, not from `files`, and again when they change. */
  readonly reload?: Pick<ReloadSource, "pollMs">;
  /** Runs before the configuration is read. */
  readonly prepare?: (emulator: Emulator) => Promise<void>;
  /** A collector that gets the spans of all calls. It is searched for secrets too. */
  readonly sink?: OtlpSink;
}

export interface TestGateway extends AsyncDisposable {
  readonly address: string;
  readonly gateway: Gateway;
  readonly emulator: Emulator;
  readonly clients: Clients;
  readonly secrets: SecretLedger;
  /** Log lines so far, parsed. */
  readonly log: () => readonly Readonly<Record<string, unknown>>[];
  /** Returns `/metrics` of this moment. */
  readonly metrics: () => Promise<string>;
  /** Makes a call and returns its outcome. */
  outcome<C extends object, M extends MethodOf<C>>(
    client: C,
    method: M,
    request: Partial<RequestOf<C, M>>,
    settings?: CallSettings,
  ): Promise<Outcome<ResponseOf<C, M>>>;
  /** Makes a call that must succeed. */
  call<C extends object, M extends MethodOf<C>>(
    client: C,
    method: M,
    request: Partial<RequestOf<C, M>>,
    settings?: CallSettings,
  ): Promise<ResponseOf<C, M>>;
  /** Makes a call that must fail. */
  failure<C extends object, M extends MethodOf<C>>(
    client: C,
    method: M,
    request: Partial<RequestOf<C, M>>,
    settings?: CallSettings,
  ): Promise<Failure>;
  /** Adds output that the test has seen in another way, to be searched for secrets. */
  readonly addOutput: (bytes: Buffer) => void;
  /** Requests that reached Key Protect (not IAM), in the form `GET /api/v2/keys`. */
  readonly upstreamRequests: () => readonly string[];
}

/** Returns all metadata as one text. */
const textOf = (metadata: Metadata): string =>
  Object.entries(metadata.toHttp2Headers())
    .map(([key, values]) => `${key}: ${String(values)}`)
    .join("\n");

const parseLine = (line: string): Readonly<Record<string, unknown>> => JSON.parse(line);

const toMetadata = (entries: Readonly<Record<string, string>>): Metadata => {
  const metadata = new Metadata();
  for (const [key, value] of Object.entries(entries)) metadata.set(key, value);
  return metadata;
};

/** Starts an emulator, a gateway and clients. Use it with `await using`. */
export async function startTestGateway(options: TestGatewayOptions = {}): Promise<TestGateway> {
  const secrets = createSecretLedger();
  const lines: string[] = [];
  const seen: string[] = [];
  const emulator = await startEmulator(options.emulator);
  for (const user of emulator.users) secrets.markText(user.apiKey);
  for (const { crTokens } of emulator.trustedProfiles.list) {
    for (const crToken of crTokens) secrets.markText(crToken);
  }
  secrets.markText(defaultIamClient.secret);
  const issue = emulator.tokens.issue.bind(emulator.tokens);
  const issueIdentity = emulator.tokens.issueIdentity.bind(emulator.tokens);
  Object.assign(emulator.tokens, {
    issueIdentity: (seconds: number) => {
      const token = issueIdentity(seconds);
      secrets.markText(token.accessToken);
      return token;
    },
    issue: (...parameters: Parameters<typeof issue>) => {
      const token = issue(...parameters);
      secrets.markText(token.accessToken);
      return token;
    },
  });

  const env = {
    KP_SERVICE_URL: emulator.url,
    KP_INSTANCE_ID: emulator.instanceId,
    IBMCLOUD_API_KEY: emulator.apiKey,
    IAM_AUTH_URL: emulator.url,
    KP_API_DIALECT: options.dialect ?? "current",
    GATEWAY_LISTEN: "127.0.0.1:0",
    GATEWAY_ADMIN_LISTEN: "127.0.0.1:0",
    GATEWAY_LOG_LEVEL: "trace",
    GATEWAY_DRAIN_DELAY_MS: "0",
    ...(options.sink === undefined
      ? {}
      : { OTEL_EXPORTER_OTLP_ENDPOINT: options.sink.url, OTEL_BSP_SCHEDULE_DELAY: "20" }),
    ...options.envOf?.(emulator),
    ...options.env,
  };
  const files = typeof options.files === "function" ? await options.files(emulator) : options.files;
  await options.prepare?.(emulator);
  const sources = {
    env: Object.fromEntries(Object.entries(env).filter(([, value]) => value !== "")),
  };
  const read = (): Promise<ConfigReading> => readConfigSources(sources);
  const first = options.reload === undefined ? undefined : await read();
  if (first?.result instanceof Error) throw first.result;
  const config =
    first?.result ??
    loadConfig({
      ...sources,
      readFile: (path) => {
        const text = files?.[path];
        if (text === undefined) throw new Error(`no such file: ${path}`);
        return text;
      },
    });
  const logger = createLogger({
    level: config.logLevel,
    destination: { write: (line: string) => void lines.push(line) },
  });
  const gateway = await startGateway(config, {
    hasProcessMetrics: false,
    ...options.deps,
    ...(first === undefined ? {} : { reload: { ...options.reload, first, read } }),
    logger,
  });
  const [listener] = gateway.addresses;
  if (listener === undefined) throw new Error("the gateway listens nowhere");
  const address = formatListenAddress(listener);
  const channel = credentials.createInsecure();
  const clients: Clients = {
    keys: new KeysServiceClient(address, channel),
    actions: new KeyActionsServiceClient(address, channel),
    policies: new PoliciesServiceClient(address, channel),
    instancePolicies: new InstancePoliciesServiceClient(address, channel),
    aliases: new AliasesServiceClient(address, channel),
    keyRings: new KeyRingsServiceClient(address, channel),
    registrations: new RegistrationsServiceClient(address, channel),
    lockers: new LockersServiceClient(address, channel),
    kmipAdapters: new KmipAdaptersServiceClient(address, channel),
    kmipObjects: new KmipObjectsServiceClient(address, channel),
    kmipCertificates: new KmipCertificatesServiceClient(address, channel),
  };

  async function outcome<C extends object, M extends MethodOf<C>>(
    client: C,
    method: M,
    request: Partial<RequestOf<C, M>>,
    { metadata = {}, ...callOptions }: CallSettings = {},
  ): Promise<Outcome<ResponseOf<C, M>>> {
    const ended = await unaryCall(client, method, request, toMetadata(metadata), callOptions);
    seen.push(textOf(ended.headers), textOf(ended.trailers));
    if (ended.error !== null) {
      seen.push(ended.error.message, ended.error.details);
      const details = ended.error.metadata.get("grpc-status-details-bin")[0];
      if (Buffer.isBuffer(details)) seen.push(details.toString("latin1"));
    }
    return ended;
  }

  const metrics = async (): Promise<string> => {
    const { host, port } = gateway.admin;
    // Between two requests a test may search for seconds, and the gateway closes idle connections.
    const headers = { connection: "close" };
    const answer = await fetch(`http://${host}:${port}/metrics`, { headers });
    return answer.text();
  };

  return {
    address,
    gateway,
    emulator,
    clients,
    secrets,
    log: () => lines.map(parseLine),
    metrics,
    outcome,
    async call(client, method, request, settings) {
      const { error, response } = await outcome(client, method, request, settings);
      if (response === undefined) {
        throw error ?? new Error(`${method} ended without an answer`);
      }
      return response;
    },
    async failure(client, method, request, settings) {
      const { error, trailers } = await outcome(client, method, request, settings);
      if (error === null) throw new Error(`${method} was expected to fail`);
      const details = statusDetails(error);
      return {
        ...details,
        code: status[error.code] ?? "no such status",
        reason: details.errorInfo?.reason ?? "",
        message: error.details,
        correlationId: String(trailers.get("x-correlation-id")[0] ?? ""),
        error,
      };
    },
    addOutput: (bytes) => void seen.push(bytes.toString("latin1")),
    upstreamRequests: () =>
      emulator.requests
        .list({ service: "keyprotect" })
        .map(({ method, path, query }) => `${method} ${path}${query === "" ? "" : `?${query}`}`),
    async [Symbol.asyncDispose]() {
      const measured = await metrics();
      for (const client of Object.values(clients)) client.close();
      await gateway.drain();
      await emulator[Symbol.asyncDispose]();
      const spans = options.sink?.text() ?? "";
      const out = [...lines, ...seen, measured, spans].join("\n");
      // Every integration test asserts that the output contains no secret.
      expect(secrets.tracesIn(out)).toEqual([]);
      expect(undocumentedIn(lines.map(parseLine))).toEqual([]);
    },
  };
}
