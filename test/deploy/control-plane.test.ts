/** The static Pod of the control plane starts without the API server, and fits its socket. */
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { parse } from "yaml";
import { z } from "zod";
import { loadConfig } from "../../src/config/load-config.ts";
import { compare } from "../../src/doors/kubernetes-kms/doctor/compare.ts";
import { parseEncryptionConfiguration } from "../../src/doors/kubernetes-kms/doctor/encryption-configuration.ts";
import { readFrom } from "../support/config-problems.ts";
import { manifestFolder } from "./manifests.ts";

const textOf = (name: string): string =>
  readFileSync(join(manifestFolder, "control-plane", name), "utf8");

const hostPath = z.object({ path: z.string(), type: z.string() });
const probe = z.object({
  httpGet: z.object({ host: z.string(), path: z.string(), port: z.string() }),
});
const podSchema = z.object({
  kind: z.literal("Pod"),
  metadata: z.object({ namespace: z.string() }),
  spec: z.strictObject({
    priorityClassName: z.string(),
    priority: z.number(),
    hostNetwork: z.boolean(),
    dnsPolicy: z.string(),
    automountServiceAccountToken: z.literal(false),
    terminationGracePeriodSeconds: z.number(),
    securityContext: z.object({ runAsNonRoot: z.literal(true) }),
    containers: z.tuple([
      z.object({
        image: z.string(),
        imagePullPolicy: z.string(),
        env: z.array(z.strictObject({ name: z.string(), value: z.string() })),
        startupProbe: probe,
        livenessProbe: probe,
        securityContext: z.object({
          allowPrivilegeEscalation: z.literal(false),
          readOnlyRootFilesystem: z.literal(true),
          capabilities: z.object({ drop: z.tuple([z.literal("ALL")]) }),
        }),
        volumeMounts: z.array(z.object({ name: z.string(), mountPath: z.string() })),
      }),
    ]),
    // A volume of any other kind would come from the API server.
    volumes: z.array(z.strictObject({ name: z.string(), hostPath })),
  }),
});
const { spec } = podSchema.parse(parse(textOf("keyprotect-gateway.yaml")));
const [container] = spec.containers;

const warnings: string[] = [];
const config = loadConfig({
  env: Object.fromEntries(container.env.map(({ name, value }) => [name, value])),
  readFile: readFrom({
    "/etc/keyprotect-gateway/gateway.yaml": textOf("gateway.yaml"),
    "/etc/keyprotect-gateway/api-key": "an-api-key",
  }),
  onWarning: ({ at, what }) => warnings.push(`${at}: ${what}`),
});

describe("the static Pod of the control plane", () => {
  test("needs nothing of the cluster: its volumes are of the node, its network and DNS too", () => {
    expect(spec).toMatchObject({ hostNetwork: true, dnsPolicy: "Default" });
    expect(spec.volumes.map((volume) => volume.hostPath.path)).toEqual([
      "/etc/keyprotect-gateway",
      "/run/keyprotect",
    ]);
    expect(container.imagePullPolicy).toBe("IfNotPresent");
    expect(container.image).not.toMatch(/:latest$/);
  });

  test("is not evicted before the API server", () => {
    expect(spec.priorityClassName).toBe("system-node-critical");
    expect(spec.priority).toBe(2_000_001_000);
  });

  test("has more time to end than the gateway needs", () => {
    const { delayMs, graceMs } = config.drain;
    expect(spec.terminationGracePeriodSeconds).toBeGreaterThanOrEqual(
      (delayMs + graceMs) / 1_000 + 5,
    );
  });

  test("is probed on the admin listener, which is on loopback", () => {
    expect(config.adminListen).toMatchObject({ host: "127.0.0.1", port: 9_464 });
    for (const { httpGet } of [container.startupProbe, container.livenessProbe]) {
      expect(httpGet).toEqual({ host: "127.0.0.1", path: "/livez", port: "admin" });
    }
  });
});

describe("the configuration of the control plane", () => {
  test("gives no warning, and opens no port to the network or to other processes", () => {
    expect(warnings).toEqual([]);
    const addresses = [...config.listen, ...config.endpoints.map(({ listen }) => listen)];
    expect(addresses.map(({ kind }) => kind)).toEqual(["unix", "unix"]);
  });

  test("lies in the folders that the Pod mounts", () => {
    const mounted = container.volumeMounts.map(({ mountPath }) => mountPath);
    const [endpoint] = config.endpoints;
    expect(endpoint?.listen).toEqual({ kind: "unix", path: "/run/keyprotect/kms.sock" });
    expect(mounted).toEqual(["/etc/keyprotect-gateway", "/run/keyprotect"]);
  });

  test("fits the EncryptionConfiguration beside it, as the doctor sees it", () => {
    const lists = parseEncryptionConfiguration(textOf("encryption-configuration.yaml"));
    if ("problem" in lists) throw new Error(lists.problem.what);
    const levels: string[] = [];
    const endpoints = config.endpoints.filter((each) => each.kind === "kubernetes-kms-v2");
    compare(lists, endpoints, (level) => void levels.push(level));
    expect(levels).toEqual(["ok", "ok"]);
  });

  test("and the EncryptionConfiguration are those of the guide", () => {
    const guide = readFileSync(join(manifestFolder, "..", "..", "docs/kubernetes-kms.md"), "utf8");
    const blocks = [...guide.matchAll(/^ *```yaml\n([^]*?)^ *```$/gm)].map(([, block = ""]) =>
      parse(block.replaceAll(/^ {3}/gm, "")),
    );
    expect(blocks).toContainEqual(parse(textOf("gateway.yaml")));
    expect(blocks).toContainEqual(parse(textOf("encryption-configuration.yaml")));
  });
});
