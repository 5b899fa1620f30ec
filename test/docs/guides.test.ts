/** The guides: complete, in order, and in agreement with the code and the manifests. */
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { parse, parseAllDocuments } from "yaml";
import { z } from "zod";
import { readDocumentedLog } from "../support/documented-log.ts";
import {
  codesIn,
  fencesOf,
  guideFiles,
  readText,
  root,
  rowsOfTables,
  sectionOf,
} from "./documents.ts";
import { problemsOf } from "./promql.ts";

/** The sources, the contract and the manifests, in which names have to occur. */
const sources = ["src", "proto", "deploy"]
  .flatMap((folder) =>
    readdirSync(join(root, folder), { recursive: true, withFileTypes: true })
      .filter((entry) => entry.isFile() && !entry.parentPath.includes("/src/gen"))
      .map((entry) => readFileSync(join(entry.parentPath, entry.name), "utf8")),
  )
  .join("\n");

/** Names of systems and libraries beside the gateway, and statuses as grpcurl spells them. */
const foreign: ReadonlySet<string> = new Set([
  "WRONGPASS",
  "NOAUTH",
  "ENOTFOUND",
  "EAI_AGAIN",
  "PermissionDenied",
  "KeyPurge",
]);

const isKnown = (name: string): boolean =>
  foreign.has(name) || new RegExp(`\\b\\w*${name}\\b`).test(sources);

/** The part of a quota that replicas send together, of which each has an equal part. */
const part = (replicas: number, configured: number): string =>
  `${Math.floor((98.5 * replicas) / configured)} %`;

describe("the guides", () => {
  test("the index names every guide once, and the README names the index", () => {
    const listed = rowsOfTables(readText("docs/guides/README.md"), "Guide").map(
      ([cell = ""]) => /\((.+)\)/.exec(cell)?.[1] ?? "",
    );
    const files = guideFiles
      .filter((file) => file !== "docs/guides/README.md")
      .map((file) => file.replace("docs/guides/", "").replace("docs/", "../"));
    expect(new Set(listed)).toEqual(new Set(files));
    expect(listed).toHaveLength(files.length);
    expect(readText("README.md").split("\n").slice(0, 20).join("\n")).toContain(
      "(docs/guides/README.md)",
    );
  });

  test.each(guideFiles)("every query of %s names metrics and labels that exist", (file) => {
    const queries = fencesOf(readText(file)).filter(({ label }) => /\bpromql$/.test(label.trim()));
    expect(queries.flatMap(({ body }) => problemsOf(body))).toEqual([]);
  });

  test.each(guideFiles)("every name in capitals in %s exists in the sources", (file) => {
    const names = codesIn(readText(file)).filter((code) => /^[A-Z][A-Z_]{3,}[A-Z0-9]$/.test(code));
    expect(names.filter((name) => !isKnown(name))).toEqual([]);
  });

  test.each(guideFiles)("every RPC, message and resource that %s names exists", (file) => {
    const names = codesIn(readText(file)).filter((code) => /^[A-Z][a-z]+[A-Z]\w*$/.test(code));
    expect(names.filter((name) => !isKnown(name))).toEqual([]);
  });
});

describe("the guide for production", () => {
  const guide = readText("docs/guides/production.md");
  const base = "deploy/kubernetes/base";
  const scale = z
    .object({ spec: z.object({ minReplicas: z.number(), maxReplicas: z.number() }) })
    .parse(parse(readText(`${base}/horizontal-pod-autoscaler.yaml`))).spec;
  const { maxSurge } = z
    .object({
      spec: z.object({
        strategy: z.object({ rollingUpdate: z.object({ maxSurge: z.number() }) }),
      }),
    })
    .parse(parse(readText(`${base}/deployment.yaml`))).spec.strategy.rollingUpdate;
  const { namespace } = z
    .object({ namespace: z.string() })
    .parse(parse(readText("deploy/kubernetes/overlays/example/kustomization.yaml")));

  test("the certificate of the guide names the Services of the manifests and the mounted Secret", () => {
    const [block = { body: "" }] = fencesOf(guide).filter(({ label }) =>
      label.endsWith("certificate"),
    );
    const { metadata, spec } = z
      .object({
        metadata: z.object({ namespace: z.string() }),
        spec: z.object({ secretName: z.string(), dnsNames: z.array(z.string()) }),
      })
      .parse(parse(block.body));
    const services = parseAllDocuments(readText(`${base}/services.yaml`)).map((document) =>
      z.object({ metadata: z.object({ name: z.string() }) }).parse(document.toJS()),
    );
    expect(spec.dnsNames).toEqual(
      services.map(({ metadata: { name } }) => `${name}.${namespace}.svc.cluster.local`),
    );
    expect(metadata.namespace).toBe(namespace);
    expect(readText(`${base}/deployment.yaml`)).toContain(`secretName: ${spec.secretName},`);
    for (const name of spec.dnsNames) expect(guide.split(name).length).toBeGreaterThan(2);
  });

  test("every other piece of YAML in the guide can be parsed", () => {
    const pieces = fencesOf(guide).filter(({ label }) => label.startsWith("yaml"));
    expect(pieces.length).toBeGreaterThan(2);
    for (const { body } of pieces) expect(parse(body), body).toBeTypeOf("object");
  });

  test("the SPIFFE ID of the guide is one that the example's policy allows", () => {
    const [id = ""] = /^spiffe:\S+$/m.exec(guide) ?? [];
    const [, pattern = "none"] =
      /callers: \[(spiffe:\S+)\*\]/.exec(
        readText("deploy/kubernetes/overlays/example/gateway.yaml"),
      ) ?? [];
    expect(id.startsWith(pattern)).toBe(true);
  });

  test("the parts of the quota in the guide follow from the numbers of the manifests", () => {
    const { minReplicas: min, maxReplicas: max } = scale;
    const rows = rowsOfTables(guide, "Sharing").map((cells) => cells.slice(1));
    expect(rows[0]?.[3]).toContain(part(max + maxSurge, max));
    expect(rows[1]).toEqual([
      String(max + maxSurge),
      part(min, max + maxSurge),
      part(max, max + maxSurge),
      part(max + maxSurge, max + maxSurge),
    ]);
    expect(rows[2]?.[3]).toContain(part(min + maxSurge, min));
    expect(guide).toContain(`With ${min} replicas | With ${max} replicas`);
  });

  test("the log messages that the guide names are those of the gateway", () => {
    const known = readDocumentedLog();
    const messages = codesIn(sectionOf(guide, "Rotate the API key")).filter((code) =>
      /^[A-Za-z']+ [a-z]+ [a-z]+/.test(code),
    );
    const ours = messages.filter((message) => !/^(?:kubectl|ibmcloud) /.test(message));
    expect(ours.length).toBeGreaterThan(0);
    expect(ours.filter((message) => !known.has(message))).toEqual([]);
  });
});
