/**
 * The configuration of Envoy: what it can do of the gateway's work without programming. It takes a
 * wrap over gRPC and sends it to Key Protect as REST.
 */
import { accessToken, instanceId } from "../canned.ts";

/** Where Envoy sends requests, and its files. */
export interface EnvoyOptions {
  readonly upstreamPort: number;
  /** The file with the descriptor set. */
  readonly descriptorPath: string;
  readonly accessLogPath: string;
}

const extension = (name: string, type: string, settings: object): object => ({
  name,
  typed_config: { "@type": `type.googleapis.com/envoy.extensions.${type}`, ...settings },
});

const address = (port: number): object => ({
  socket_address: { address: "127.0.0.1", port_value: port },
});

/** A free port, which the system chooses. */
const anyPort = address(0);

const header = (key: string, value: string): object => ({
  header: { key, value },
  append_action: "OVERWRITE_IF_EXISTS_OR_ADD",
});

const always = (key: string): object => ({
  runtime_key: key,
  default_value: { numerator: 100, denominator: "HUNDRED" },
});

/** A token bucket for all callers together, with the quota that the gateway has in the bench. */
const rateLimit = extension(
  "envoy.filters.http.local_ratelimit",
  "filters.http.local_ratelimit.v3.LocalRateLimit",
  {
    stat_prefix: "quota",
    token_bucket: { max_tokens: 100_000, tokens_per_fill: 100_000, fill_interval: "1s" },
    filter_enabled: always("quota_enabled"),
    filter_enforced: always("quota_enforced"),
  },
);

const accessLog = (path: string): object =>
  extension("envoy.access_loggers.file", "access_loggers.file.v3.FileAccessLog", {
    path,
    log_format: {
      json_format: {
        time: "%START_TIME%",
        path: "%REQ(:PATH)%",
        status: "%RESPONSE_CODE%",
        duration: "%DURATION%",
        attempts: "%UPSTREAM_REQUEST_ATTEMPT_COUNT%",
        correlationId: "%REQ(X-REQUEST-ID)%",
        peer: "%DOWNSTREAM_REMOTE_ADDRESS%",
      },
    },
  });

const routes = {
  virtual_hosts: [
    {
      name: "key-protect",
      domains: ["*"],
      routes: [
        {
          match: { prefix: "/" },
          route: {
            cluster: "key-protect",
            timeout: "10s",
            retry_policy: {
              retry_on: "retriable-status-codes",
              retriable_status_codes: [429, 503],
              num_retries: 2,
              retry_back_off: { base_interval: "0.1s", max_interval: "2s" },
            },
          },
        },
      ],
      request_headers_to_add: [
        header("authorization", `Bearer ${accessToken}`),
        header("bluemix-instance", instanceId),
        header("correlation-id", "%REQ(X-REQUEST-ID)%"),
      ],
    },
  ],
};

const connections = ({ descriptorPath, accessLogPath }: EnvoyOptions): object =>
  extension(
    "envoy.filters.network.http_connection_manager",
    "filters.network.http_connection_manager.v3.HttpConnectionManager",
    {
      stat_prefix: "calls",
      codec_type: "HTTP2",
      generate_request_id: true,
      always_set_request_id_in_response: true,
      access_log: [accessLog(accessLogPath)],
      route_config: routes,
      http_filters: [
        rateLimit,
        extension(
          "envoy.filters.http.grpc_json_reverse_transcoder",
          "filters.http.grpc_json_reverse_transcoder.v3.GrpcJsonReverseTranscoder",
          { descriptor_path: descriptorPath },
        ),
        extension("envoy.filters.http.router", "filters.http.router.v3.Router", {}),
      ],
    },
  );

/** Returns the configuration, as an object for a JSON file. */
export const envoyConfiguration = (options: EnvoyOptions): object => ({
  admin: { address: anyPort },
  static_resources: {
    listeners: [
      {
        name: "grpc",
        address: anyPort,
        filter_chains: [{ filters: [connections(options)] }],
      },
    ],
    clusters: [
      {
        name: "key-protect",
        type: "STATIC",
        connect_timeout: "5s",
        // As many connections as the gateway has. More calls wait for one.
        circuit_breakers: {
          thresholds: [{ max_connections: 32, max_pending_requests: 1_024, max_requests: 1_024 }],
        },
        load_assignment: {
          cluster_name: "key-protect",
          endpoints: [{ lb_endpoints: [{ endpoint: { address: address(options.upstreamPort) } }] }],
        },
      },
    ],
  },
});
