/** The manifests start a gateway that works, and keep to what the documents say. */
import { describe, expect, test } from "vitest";
import { z } from "zod";
import { collectorOf } from "../../src/config/collector.ts";
import type { Config } from "../../src/config/config.ts";
import { loadConfig } from "../../src/config/load-config.ts";
import { readText } from "../docs/documents.ts";
import { createCertificateAuthority } from "../support/certificates.ts";
import { problemsWhen } from "../support/config-problems.ts";
import { rpcTable } from "../../src/rpc-table.ts";
import {
  environmentOf,
  fileReader,
  gatewayOf,
  objectOf,
  overlays,
  podsOf,
  render,
  type Manifest,
} from "./manifests.ts";

const authority = createCertificateAuthority();
const leaf = authority.issue({ dnsNames: ["keyprotect-gateway"] });
const secrets = {
  "keyprotect-gateway-tls": { "tls.crt": leaf.cert, "tls.key": leaf.key, "ca.crt": authority.cert },
  "keyprotect-gateway-redis": { password: "not-a-real-password" },
  "keyprotect-gateway-redis-tls": { "ca.crt": authority.cert },
};

/** Loads the configuration as the container of the manifests would. */
function configOf(manifests: readonly Manifest[]): { config: Config; warnings: string[] } {
  const gateway = gatewayOf(manifests);
  const warnings: string[] = [];
  const config = loadConfig({
    env: environmentOf(gateway.container),
    readFile: fileReader(manifests, gateway, secrets),
    onWarning: ({ at, what }) => warnings.push(`${at}: ${what}`),
  });
  return { config, warnings };
}

describe.each(overlays)("%s", (overlay) => {
  const manifests = render(overlay);
  const { container, pod } = gatewayOf(manifests);

  test(`the gateway accepts the configuration of ${overlay} without a warning`, () => {
    expect(configOf(manifests).warnings).toEqual([]);
  });

  test(`the Pod of ${overlay} has more time to end than the gateway needs`, () => {
    const { drain } = configOf(manifests).config;
    const needs = (drain.delayMs + drain.graceMs) / 1000;
    expect(pod.terminationGracePeriodSeconds).toBeGreaterThanOrEqual(needs + 5);
  });

  test(`the ports of ${overlay} are those on which the gateway listens`, () => {
    const { config } = configOf(manifests);
    const ports = container.ports.map(({ containerPort }) => containerPort);
    const listens = [...config.listen, config.adminListen].flatMap((address) =>
      "port" in address ? [address.port] : [],
    );
    expect(new Set(ports)).toEqual(new Set(listens));
  });

  test(`the probes of ${overlay} ask the admin listener for paths that it has`, () => {
    const { startupProbe, readinessProbe, livenessProbe } = container;
    const admin = container.ports.find(({ containerPort }) => containerPort === 9464)?.name;
    for (const probe of [startupProbe, readinessProbe, livenessProbe]) {
      if (probe === undefined) continue;
      expect(probe.httpGet?.port).toBe(admin);
      expect(["/livez", "/readyz"]).toContain(probe.httpGet?.path);
    }
    expect(livenessProbe?.httpGet?.path).toBe("/livez");
    const untilReady = readinessProbe ?? startupProbe;
    expect(untilReady?.httpGet?.path).toBe("/readyz");
  });

  test(`no container of ${overlay} runs as root, can write its files or can gain rights`, () => {
    for (const { spec } of podsOf(manifests)) {
      for (const { securityContext } of [...spec.initContainers, ...spec.containers]) {
        expect(securityContext).toMatchObject({
          allowPrivilegeEscalation: false,
          readOnlyRootFilesystem: true,
          capabilities: { drop: ["ALL"] },
        });
        expect(securityContext.runAsNonRoot ?? spec.securityContext.runAsNonRoot).toBe(true);
      }
    }
  });

  test(`no Pod of ${overlay} gets a token for the Kubernetes API`, () => {
    expect(podsOf(manifests).map(({ spec }) => spec.automountServiceAccountToken)).toEqual(
      podsOf(manifests).map(() => false),
    );
  });

  test(`every selector of ${overlay} selects a Pod of it`, () => {
    const labels = podsOf(manifests).map(({ metadata }) => metadata.labels);
    const selectorsSchema = z.object({
      selector: z
        .union([
          z
            .object({ matchLabels: z.record(z.string(), z.string()) })
            .transform((s) => s.matchLabels),
          z.record(z.string(), z.string()),
        ])
        .optional(),
      podSelector: z.object({ matchLabels: z.record(z.string(), z.string()) }).optional(),
    });
    for (const object of manifests) {
      const { selector, podSelector } = selectorsSchema.safeParse(object["spec"]).data ?? {};
      for (const wanted of [selector, podSelector?.matchLabels]) {
        if (wanted === undefined) continue;
        const selected = labels.filter((of) =>
          Object.entries(wanted).every(([name, text]) => of[name] === text),
        );
        expect(selected, `${object.kind} ${object.metadata.name}`).toHaveLength(1);
      }
    }
  });

  test(`every target port of a Service of ${overlay} is the name of a port of its Pod`, () => {
    const names = podsOf(manifests).flatMap(({ spec }) =>
      [...spec.initContainers, ...spec.containers].flatMap(({ ports }) =>
        ports.map(({ name }) => name),
      ),
    );
    const spec = z.object({ ports: z.array(z.object({ targetPort: z.string() })) });
    for (const service of manifests.filter(({ kind }) => kind === "Service")) {
      for (const { targetPort } of spec.parse(service["spec"]).ports) {
        expect(names).toContain(targetPort);
      }
    }
  });

  test(`every volume of ${overlay} is mounted, and every mount has its volume`, () => {
    for (const { spec, workload } of podsOf(manifests)) {
      const mounted = [...spec.initContainers, ...spec.containers].flatMap(({ volumeMounts }) =>
        volumeMounts.map(({ name }) => name),
      );
      const claims = workload === "keyprotect-gateway-redis" ? ["data"] : [];
      expect(new Set(mounted)).toEqual(
        new Set([...claims, ...spec.volumes.map(({ name }) => name)]),
      );
    }
  });
});

describe("the base", () => {
  test("the gateway does not start with the base alone, and names each value that is missing", () => {
    const problems = problemsWhen(() => configOf(render("base")));
    expect(problems.map(({ at }) => at).toSorted()).toEqual(
      [
        // Its callers could not be told apart.
        "GATEWAY_LISTEN",
        "instances[0].instanceId",
        "instances[0].profileName",
        "instances[0].serviceUrl",
        "policy.rules",
        "tls.trustDomains",
      ].toSorted(),
    );
  });

  test("the default number of replicas for a share is the most that the autoscaler starts", () => {
    const { min, max } = scaleOf(render("overlays/example"));
    const { replicas } = configOf(render("overlays/example")).config;
    expect(replicas.count).toBe(max);
    expect(min).toBeGreaterThanOrEqual(2);
  });

  test("with Redis the number of replicas is the least that the autoscaler keeps", () => {
    const manifests = render("overlays/redis");
    const { replicas, requestIds } = configOf(manifests).config;
    expect(replicas).toMatchObject({ count: scaleOf(manifests).min, quotaShare: "redis" });
    expect(requestIds.store).toBe("redis");
  });

  test("the listeners and the grace period are those of the documents", () => {
    const { config } = configOf(render("overlays/example"));
    const documented = readText("docs/configuration.md");
    for (const address of [...config.listen, config.adminListen]) {
      if (!("port" in address)) throw new Error("a socket");
      expect(documented).toContain(`\`127.0.0.1:${address.port}\``);
    }
    const { pod } = gatewayOf(render("overlays/example"));
    expect(readText("docs/operations.md")).toContain(
      `\`terminationGracePeriodSeconds\`:\nset that to ${pod.terminationGracePeriodSeconds}`,
    );
  });
});

describe("docs/deployment.md", () => {
  test("the documents and the manifests name the version of the package", () => {
    const { version } = z
      .object({ version: z.string() })
      .parse(JSON.parse(readText("package.json")));
    const { container } = gatewayOf(render("overlays/example"));
    expect(container.image).toBe(`registry.example.org/keyprotect-gateway:${version}`);
    expect(readText("docs/deployment.md")).toContain(`keyprotect-gateway:${version}\n`);
  });
});

describe("the mesh", () => {
  const manifests = render("overlays/mesh-istio");

  test("behind the mesh the gateway has no certificates, and allows anonymous callers by a rule", () => {
    const { config } = configOf(manifests);
    expect(config.tls).toBeUndefined();
    expect(config.policy?.rules.map(({ callers }) => callers)).toEqual([["anonymous"]]);
  });

  test("a caller without a certificate of the mesh does not reach the gRPC port", () => {
    expect(objectOf(manifests, "PeerAuthentication", "keyprotect-gateway")["spec"]).toMatchObject({
      mtls: { mode: "STRICT" },
      portLevelMtls: { 9464: { mode: "PERMISSIVE" } },
    });
  });

  test("every path of the authorization policy is one of an RPC or of the admin listener", () => {
    const { rules } = z
      .object({
        rules: z.array(
          z.object({
            from: z.array(z.unknown()).optional(),
            to: z.array(
              z.object({
                operation: z.object({ ports: z.array(z.string()), paths: z.array(z.string()) }),
              }),
            ),
          }),
        ),
      })
      .parse(objectOf(manifests, "AuthorizationPolicy", "keyprotect-gateway")["spec"]);
    const rpcs = rpcTable.map(({ path }) => path);
    for (const { from, to } of rules) {
      for (const { operation } of to) {
        if (operation.ports.includes("9464")) {
          expect(operation.paths).toEqual(["/metrics", "/livez", "/readyz"]);
          continue;
        }
        // A rule for RPCs names its callers.
        expect(from).toBeDefined();
        for (const path of operation.paths) {
          const prefix = path.replace(/\*$/, "");
          const named = path.endsWith("*")
            ? rpcs.some((rpc) => rpc.startsWith(prefix))
            : rpcs.includes(path);
          expect(named, path).toBe(true);
        }
      }
    }
  });
});

describe("traces", () => {
  const manifests = render("overlays/tracing");
  const { config } = configOf(manifests);

  test("with the component `tracing` the gateway records what callers record, and one call of a hundred", () => {
    expect(config.tracing).toMatchObject({
      sampler: "parentbased_traceidratio",
      samplerRatio: 0.01,
      resourceAttributes: { "service.instance.id": "$(POD_NAME)" },
    });
  });

  test("the network policy lets the gateway reach the collector of its endpoint", () => {
    const url = new URL(collectorOf(config.tracing)?.url ?? "");
    const [workload, namespace] = url.hostname.split(".");
    const { egress } = z
      .object({ egress: z.array(z.unknown()) })
      .parse(objectOf(manifests, "NetworkPolicy", "keyprotect-gateway")["spec"]);
    expect(egress).toContainEqual({
      to: [
        {
          namespaceSelector: { matchLabels: { "kubernetes.io/metadata.name": namespace } },
          podSelector: { matchLabels: { "app.kubernetes.io/name": workload } },
        },
      ],
      ports: [{ protocol: "TCP", port: Number(url.port) }],
    });
  });

  test("without the component `tracing` no trace is sent", () => {
    const { tracing } = configOf(render("overlays/example")).config;
    expect(collectorOf(tracing)).toBeUndefined();
  });
});

describe("Redis", () => {
  test("the Redis of the manifests keeps its data, evicts nothing and serves TLS only", () => {
    const [redis] = podsOf(render("overlays/redis")).filter(({ workload }) =>
      workload.endsWith("redis"),
    );
    const args = z.object({ args: z.array(z.string()) });
    const stateful = objectOf(render("overlays/redis"), "StatefulSet", "keyprotect-gateway-redis");
    const spec = z
      .object({ template: z.object({ spec: z.object({ containers: z.tuple([args]) }) }) })
      .parse(stateful["spec"]);
    const line = spec.template.spec.containers[0].args.join(" ");
    expect(redis).toBeDefined();
    expect(line).toContain("--port 0 --tls-port 6380");
    expect(line).toContain("--appendonly yes");
    expect(line).toContain("--maxmemory-policy noeviction");
  });
});

function scaleOf(manifests: readonly Manifest[]): { min: number; max: number } {
  const { minReplicas: min, maxReplicas: max } = z
    .object({ minReplicas: z.number(), maxReplicas: z.number() })
    .parse(objectOf(manifests, "HorizontalPodAutoscaler", "keyprotect-gateway")["spec"]);
  return { min, max };
}
