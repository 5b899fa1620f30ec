/** The manifests of deploy/kubernetes as `kubectl kustomize` renders them. */
import { execFileSync } from "node:child_process";
import { readdirSync } from "node:fs";
import { join } from "node:path";
import { parseAllDocuments } from "yaml";
import { z } from "zod";

const root = join(import.meta.dirname, "..", "..");
/** Folder of the manifests. */
export const manifestFolder = join(root, "deploy", "kubernetes");

/** Every overlay, such as `overlays/example`. */
export const overlays: readonly string[] = readdirSync(join(manifestFolder, "overlays")).map(
  (name) => `overlays/${name}`,
);

const value = z.object({ name: z.string(), value: z.string().optional() });
const mount = z.object({
  name: z.string(),
  mountPath: z.string(),
  readOnly: z.boolean().optional(),
});
const httpProbe = z.object({
  httpGet: z.object({ path: z.string(), port: z.string() }).optional(),
});

const containerSchema = z.object({
  name: z.string(),
  image: z.string(),
  restartPolicy: z.string().optional(),
  env: z.array(value).default([]),
  ports: z.array(z.object({ name: z.string(), containerPort: z.number() })).default([]),
  volumeMounts: z.array(mount).default([]),
  startupProbe: httpProbe.optional(),
  readinessProbe: httpProbe.optional(),
  livenessProbe: httpProbe.optional(),
  securityContext: z.object({
    allowPrivilegeEscalation: z.boolean(),
    readOnlyRootFilesystem: z.boolean(),
    runAsNonRoot: z.boolean().optional(),
    capabilities: z.object({ drop: z.array(z.string()) }),
  }),
});

const podSchema = z.object({
  terminationGracePeriodSeconds: z.number().default(30),
  automountServiceAccountToken: z.boolean(),
  securityContext: z
    .object({ runAsNonRoot: z.boolean().optional(), fsGroup: z.number().optional() })
    .default({}),
  initContainers: z.array(containerSchema).default([]),
  containers: z.array(containerSchema),
  volumes: z.array(z.looseObject({ name: z.string() })),
});

const template = z.object({
  metadata: z.object({ labels: z.record(z.string(), z.string()) }),
  spec: podSchema,
});

const objectSchema = z.looseObject({
  apiVersion: z.string(),
  kind: z.string(),
  metadata: z.looseObject({ name: z.string(), namespace: z.string().optional() }),
});

/** A container of a manifest. */
export type Container = z.infer<typeof containerSchema>;
/** The Pod of a workload. */
export type Pod = z.infer<typeof podSchema>;
/** One object of the output of `kubectl kustomize`. */
export type Manifest = z.infer<typeof objectSchema>;

/** Renders a folder below deploy/kubernetes. Throws with the output of kubectl. */
export function render(folder: string): Manifest[] {
  const text = execFileSync("kubectl", ["kustomize", join(manifestFolder, folder)], {
    encoding: "utf8",
  });
  return parseAllDocuments(text).map((document) => objectSchema.parse(document.toJS()));
}

/** The one object of a kind and a name; the name may have a hash behind it. */
export function objectOf(manifests: readonly Manifest[], kind: string, name: string): Manifest {
  const found = manifests.filter(
    (object) => object.kind === kind && object.metadata.name.replace(/-[a-z0-9]{10}$/, "") === name,
  );
  const [object] = found;
  if (object === undefined || found.length > 1)
    throw new Error(`${found.length} of ${kind} ${name}`);
  return object;
}

/** The Pods of all Deployments and StatefulSets, with their labels. */
export const podsOf = (
  manifests: readonly Manifest[],
): readonly (z.infer<typeof template> & { readonly workload: string })[] =>
  manifests
    .filter(({ kind }) => kind === "Deployment" || kind === "StatefulSet")
    .map((object) => ({
      workload: object.metadata.name,
      ...z.object({ template }).parse(object["spec"]).template,
    }));

/** The container that runs the gateway, with its Pod. */
export function gatewayOf(manifests: readonly Manifest[]): { container: Container; pod: Pod } {
  for (const { spec: pod } of podsOf(manifests)) {
    const container = [...pod.initContainers, ...pod.containers].find(({ env }) =>
      env.some(({ name }) => name === "GATEWAY_CONFIG"),
    );
    if (container !== undefined) return { container, pod };
  }
  throw new Error("no container has GATEWAY_CONFIG");
}

/** The environment of a container. */
export const environmentOf = ({ env }: Container): Record<string, string> =>
  Object.fromEntries(env.map(({ name, value: text = "" }) => [name, text]));

const configMapVolume = z.object({ configMap: z.object({ name: z.string() }) });
const tokenVolume = z.object({
  projected: z.object({
    sources: z.array(
      z.object({ serviceAccountToken: z.object({ path: z.string(), audience: z.string() }) }),
    ),
  }),
});
const secretVolume = z.object({ secret: z.object({ secretName: z.string() }) });

/**
 * Returns how a container reads a file: from a ConfigMap of the manifests, from `secrets` by the
 * name of the Secret and the key, or a token with the audience `iam`. Other paths are absent.
 */
export function fileReader(
  manifests: readonly Manifest[],
  { container, pod }: { container: Container; pod: Pod },
  secrets: Readonly<Record<string, Readonly<Record<string, string>>>>,
): (path: string) => string {
  return (path) => {
    const at = container.volumeMounts.find(({ mountPath }) => path.startsWith(`${mountPath}/`));
    const volume = pod.volumes.find(({ name }) => name === at?.name);
    const key = path.slice((at?.mountPath.length ?? 0) + 1);
    const configMap = configMapVolume.safeParse(volume).data?.configMap.name;
    const secret = secretVolume.safeParse(volume).data?.secret.secretName;
    const data = z
      .record(z.string(), z.string())
      .optional()
      .parse(
        manifests.find(
          ({ kind, metadata }) => kind === "ConfigMap" && metadata.name === configMap,
        )?.["data"],
      );
    const token = tokenVolume
      .safeParse(volume)
      .data?.projected.sources.find(({ serviceAccountToken }) => serviceAccountToken.path === key);
    const audience = token?.serviceAccountToken.audience;
    const text =
      data?.[key] ??
      secrets[secret ?? ""]?.[key] ??
      (audience === "iam" ? "a-token-of-the-platform" : undefined);
    if (text === undefined) throw Object.assign(new Error(`no ${path}`), { code: "ENOENT" });
    return text;
  };
}
