import { describe, expect, test } from "vitest";
import { collectorOf, type Collector } from "../../../src/config/collector.ts";
import type { Config } from "../../../src/config/config.ts";
import { describeConfig } from "../../../src/config/describe-config.ts";
import { loadConfig } from "../../../src/config/load-config.ts";
import { createCertificateAuthority } from "../../support/certificates.ts";
import { problemsWhen } from "../../support/config-problems.ts";

const authority = createCertificateAuthority();
const endpoint = { OTEL_EXPORTER_OTLP_ENDPOINT: "https://collector.example:4318" };

const load = (env: Readonly<Record<string, string>>, file = "", warnings: string[] = []): Config =>
  loadConfig({
    env: {
      KP_SERVICE_URL: "https://us-south.kms.cloud.ibm.com",
      KP_INSTANCE_ID: "8a1c4d9e-2f36-4b0e-9d57-0c6a1e3b5f72",
      IBMCLOUD_API_KEY: "api-key",
      ...(file === "" ? {} : { GATEWAY_CONFIG: "/file" }),
      ...env,
    },
    readFile: (path) => (path === "/ca.pem" ? authority.cert : file),
    onWarning: ({ at, what }) => warnings.push(`${at} ${what}`),
  });

const collector = (env: Readonly<Record<string, string>>): Collector | undefined =>
  collectorOf(load(env).tracing);

const problems = (env: Readonly<Record<string, string>>, file = ""): string[] =>
  problemsWhen(() => load(env, file)).map(({ at }) => at);

describe("the collector", () => {
  test("traces are off without an endpoint, and with OTEL_SDK_DISABLED or the exporter `none`", () => {
    expect(collector({})).toBeUndefined();
    expect(collector({ OTEL_EXPORTER_OTLP_HEADERS: "a=b" })).toBeUndefined();
    for (const value of ["true", "TRUE"]) {
      expect(collector({ ...endpoint, OTEL_SDK_DISABLED: value })).toBeUndefined();
    }
    expect(collector({ ...endpoint, OTEL_TRACES_EXPORTER: "none" })).toBeUndefined();
    expect(collector({ ...endpoint, OTEL_SDK_DISABLED: "false" })).toBeDefined();
  });

  test.each([
    ["https://collector.example:4318", "https://collector.example:4318/v1/traces"],
    ["https://collector.example:4318/", "https://collector.example:4318/v1/traces"],
    ["http://collector/otlp/", "http://collector/otlp/v1/traces"],
  ])("spans for the endpoint %s go to %s", (url, expected) => {
    expect(collector({ OTEL_EXPORTER_OTLP_ENDPOINT: url })?.url).toBe(expected);
  });

  test("the endpoint of traces is used as it is, and goes before the other", () => {
    const env = { ...endpoint, OTEL_EXPORTER_OTLP_TRACES_ENDPOINT: "https://traces.example/in" };
    expect(collector(env)?.url).toBe("https://traces.example/in");
  });

  test("settings of traces go before those of all signals, and headers are joined", () => {
    const found = collector({
      ...endpoint,
      OTEL_EXPORTER_OTLP_TIMEOUT: "3000",
      OTEL_EXPORTER_OTLP_TRACES_TIMEOUT: "4000",
      OTEL_EXPORTER_OTLP_COMPRESSION: "gzip",
      OTEL_EXPORTER_OTLP_TRACES_COMPRESSION: "none",
      OTEL_EXPORTER_OTLP_CERTIFICATE: "/ca.pem",
      OTEL_EXPORTER_OTLP_HEADERS: "api-key=one,Tenant=a%2Cb",
      OTEL_EXPORTER_OTLP_TRACES_HEADERS: "tenant=traces",
    });
    expect(found).toMatchObject({ timeoutMs: 4_000, compression: "none", caFile: "/ca.pem" });
    expect([...(found?.headers ?? [])].map(([name, value]) => [name, value.reveal()])).toEqual([
      ["api-key", "one"],
      ["tenant", "traces"],
    ]);
  });

  test("header values are decoded, and never shown", () => {
    const config = load({
      ...endpoint,
      OTEL_EXPORTER_OTLP_HEADERS: "Authorization=Basic%20dXNlcg%3D%3D , x-b = 2",
    });
    const found = [...(collectorOf(config.tracing)?.headers ?? [])];
    expect(found.map(([name, secret]) => [name, secret.reveal()])).toEqual([
      ["authorization", "Basic dXNlcg=="],
      ["x-b", "2"],
    ]);
    const shown = describeConfig(config);
    expect(shown).toContain('headers: "[redacted]"');
    expect(shown).not.toContain("dXNlcg");
    expect(JSON.stringify(config)).not.toContain("dXNlcg");
  });
});

describe("settings of traces that are refused", () => {
  test.each([
    ["OTEL_EXPORTER_OTLP_ENDPOINT", "collector:4318"],
    ["OTEL_EXPORTER_OTLP_ENDPOINT", "https://user:password@collector"],
    ["OTEL_EXPORTER_OTLP_ENDPOINT", "grpc://collector"],
    ["OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", "https://collector/?a=b"],
    ["OTEL_SDK_DISABLED", "yes"],
    ["OTEL_TRACES_EXPORTER", "zipkin"],
    ["OTEL_EXPORTER_OTLP_PROTOCOL", "http"],
    ["OTEL_EXPORTER_OTLP_PROTOCOL", "grpc"],
    ["OTEL_EXPORTER_OTLP_TRACES_PROTOCOL", "http/json"],
    ["OTEL_EXPORTER_OTLP_HEADERS", "no-value"],
    ["OTEL_EXPORTER_OTLP_HEADERS", "a b=c"],
    ["OTEL_EXPORTER_OTLP_HEADERS", "a=b,a=c"],
    ["OTEL_EXPORTER_OTLP_HEADERS", "a=%0D%0Ab"],
    ["OTEL_EXPORTER_OTLP_HEADERS", "a=%"],
    ["OTEL_EXPORTER_OTLP_TIMEOUT", "10s"],
    ["OTEL_EXPORTER_OTLP_COMPRESSION", "zstd"],
    ["OTEL_RESOURCE_ATTRIBUTES", "deployment"],
    ["OTEL_RESOURCE_ATTRIBUTES", "a=b%00"],
    ["OTEL_TRACES_SAMPLER", "jaeger_remote"],
    ["OTEL_TRACES_SAMPLER_ARG", "1.5"],
    ["OTEL_TRACES_SAMPLER_ARG", "0,5"],
    ["OTEL_TRACES_SAMPLER_ARG", "-1"],
    ["OTEL_BSP_SCHEDULE_DELAY", "0"],
    ["OTEL_BSP_MAX_QUEUE_SIZE", "none"],
    ["OTEL_BSP_MAX_EXPORT_BATCH_SIZE", "4096"],
    ["GATEWAY_TRACE_UPSTREAM", "1"],
  ])("%s=%s is refused by its name", (name, value) => {
    expect(problems({ ...endpoint, [name]: value })).toEqual([name]);
  });

  test("a protocol that traces do not use may be any of the standard", () => {
    expect(problems({ OTEL_EXPORTER_OTLP_PROTOCOL: "grpc" })).toEqual([]);
    expect(
      problems({
        ...endpoint,
        OTEL_EXPORTER_OTLP_PROTOCOL: "grpc",
        OTEL_EXPORTER_OTLP_TRACES_PROTOCOL: "http/protobuf",
      }),
    ).toEqual([]);
  });

  test("headers in the YAML file and an unusable authority file are refused", () => {
    const file = "tracing:\n  endpoint: https://c.example\n  headers: a=b\n  caFile: /other\n";
    expect(problems({}, file).toSorted()).toEqual(["tracing.caFile", "tracing.headers"]);
    expect(problems({}, "tracing:\n  caFile:\n")).toEqual(["tracing.caFile"]);
  });
});

test("the YAML file gives the same settings, with resource attributes as a mapping or a text", () => {
  const config = load(
    {},
    `tracing:
  endpoint: http://127.0.0.1:4318
  sampler: parentbased_traceidratio
  samplerRatio: 0.01
  resourceAttributes: { deployment.environment.name: prod }
  batch: { size: 100 }
  isSentUpstream: true
`,
  ).tracing;
  expect(config).toMatchObject({
    sampler: "parentbased_traceidratio",
    samplerRatio: 0.01,
    resourceAttributes: { "deployment.environment.name": "prod" },
    batch: { size: 100, queueSize: 2_048 },
    isSentUpstream: true,
  });
  const text = load({ OTEL_RESOURCE_ATTRIBUTES: "a.b=c%2Cd,e=f" }).tracing;
  expect(text.resourceAttributes).toEqual({ "a.b": "c,d", e: "f" });
  expect(load({ OTEL_TRACES_SAMPLER_ARG: ".5" }).tracing.samplerRatio).toBe(0.5);
});

test.each([
  [{ GATEWAY_TRACE_UPSTREAM: "true" }, "GATEWAY_TRACE_UPSTREAM has no effect: traces are off"],
  [{ ...endpoint, OTEL_TRACES_SAMPLER_ARG: "0.1" }, "OTEL_TRACES_SAMPLER_ARG has no effect"],
  [
    {
      OTEL_EXPORTER_OTLP_ENDPOINT: "http://collector.example:4318",
      OTEL_EXPORTER_OTLP_HEADERS: "api-key=x",
    },
    "OTEL_EXPORTER_OTLP_HEADERS is sent unencrypted",
  ],
])("%j gives a warning", (env, expected) => {
  const warnings: string[] = [];
  load(env, "", warnings);
  expect(warnings).toEqual([expect.stringContaining(expected)]);
});

test("headers to a collector on this machine, or over TLS, give no warning", () => {
  for (const url of ["http://127.0.0.1:4318", "https://collector.example:4318"]) {
    const warnings: string[] = [];
    load({ OTEL_EXPORTER_OTLP_ENDPOINT: url, OTEL_EXPORTER_OTLP_HEADERS: "a=b" }, "", warnings);
    expect(warnings).toEqual([]);
  }
});
