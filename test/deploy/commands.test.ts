/**
 * The commands of docs/deployment.md, run by a shell in the order of the page, from the clone on.
 * Git and Docker are stand-ins. kubectl is the real one for what needs no cluster: `kustomize`, and
 * `create` as a dry run. It renders the folder of `apply`, and only records the rest.
 */
import { execFileSync } from "node:child_process";
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { beforeAll, describe, expect, test } from "vitest";
import { parseAllDocuments } from "yaml";
import { z } from "zod";
import { fencesOf, readText, root } from "../docs/documents.ts";
import { createCertificateAuthority } from "../support/certificates.ts";
import { gatewayOf, objectOf, render } from "./manifests.ts";

const page = readText("docs/deployment.md");
const blocksOf = (label: string): string[] =>
  fencesOf(page)
    .filter((fence) => fence.label === label)
    .map(({ body }) => body);
const way = blocksOf("sh way");
const commands = way.flatMap((body) => body.replaceAll("\\\n", " ").trim().split("\n"));

const standIns: Readonly<Record<string, string>> = {
  git: `[ "$1" = clone ] && mkdir keyprotect-gateway && cp -r "$ROOT/deploy" keyprotect-gateway/
cp "$KEYS"/* keyprotect-gateway/`,
  docker: `echo "docker $*" >> "$RECORD"`,
  // The separator keeps the documents of two commands apart.
  kubectl: `echo ---
for word in "$@"; do case "$word" in
  kustomize) exec "$KUBECTL" "$@" ;;
  create) exec "$KUBECTL" "$@" --dry-run=client --output=yaml ;;
  apply) exec "$KUBECTL" kustomize "\${@: -1}" ;;
esac; done
echo "kubectl $*" >> "$RECORD"`,
};

interface Run {
  /** Standard output of all commands. */
  readonly printed: string;
  /** The commands that were only recorded. */
  readonly record: string;
}

/** Runs a script in an empty folder. Throws with its output if a command fails. */
function run(script: string): Run {
  const folder = mkdtempSync(join(tmpdir(), "keyprotect-way-"));
  const path = (name: string): string => join(folder, name);
  try {
    for (const name of ["bin", "keys", "work"]) mkdirSync(path(name));
    for (const [name, body] of Object.entries(standIns)) {
      const text = `#!/usr/bin/env bash\nset -e\n${body}\n`;
      writeFileSync(path(`bin/${name}`), text, { mode: 0o755 });
    }
    const authority = createCertificateAuthority();
    const leaf = authority.issue({ dnsNames: ["keyprotect-gateway"] });
    writeFileSync(path("keys/tls.crt"), leaf.cert);
    writeFileSync(path("keys/tls.key"), leaf.key);
    writeFileSync(path("keys/ca.crt"), authority.cert);
    const kubectl = execFileSync("sh", ["-c", "command -v kubectl"], { encoding: "utf8" }).trim();
    const printed = execFileSync("bash", ["-eu", "-c", script], {
      cwd: path("work"),
      encoding: "utf8",
      stdio: "pipe",
      env: {
        PATH: `${path("bin")}:${process.env["PATH"] ?? ""}`,
        ROOT: root,
        KEYS: path("keys"),
        RECORD: path("record"),
        KUBECTL: kubectl,
      },
    });
    return { printed, record: readFileSync(path("record"), "utf8") };
  } finally {
    rmSync(folder, { recursive: true });
  }
}

const example = render("overlays/example");

describe("the way from a clone to a running service", () => {
  let objects: readonly unknown[] = [];
  let record = "";
  beforeAll(() => {
    const ran = run(way.join(""));
    record = ran.record;
    objects = parseAllDocuments(ran.printed)
      .map((document): unknown => document.toJS())
      .filter((object) => object !== null);
  });

  test("the way from a clone to a running service takes at most 12 commands, and begins with the clone", () => {
    expect(commands.length).toBeLessThanOrEqual(12);
    expect(commands[0]).toMatch(/^git clone /);
    for (const file of ["README.md", "docs/deployment.md"]) {
      expect(readText(file).replaceAll("\n", " "), file).toContain(`${commands.length} commands`);
    }
  });

  test("what the way renders, and what it applies, are the objects of the example", () => {
    // Rendered, then the namespace and the Secret, then applied.
    expect(objects).toHaveLength(2 * example.length + 2);
    expect(objects.slice(0, example.length)).toEqual(example);
    expect(objects.slice(example.length + 2)).toEqual(example);
  });

  test("the Secret of the way has the name and the files that the Deployment mounts", () => {
    const secret = z.object({
      kind: z.literal("Secret"),
      metadata: z.object({ name: z.string(), namespace: z.string() }),
      data: z.record(z.string(), z.string()),
    });
    const made = objects
      .map((object) => secret.safeParse(object).data)
      .find((object) => object !== undefined);
    const deployment = JSON.stringify(objectOf(example, "Deployment", "keyprotect-gateway"));
    expect(deployment).toContain(`"secretName":"${made?.metadata.name ?? "none"}"`);
    for (const file of Object.keys(made?.data ?? {})) {
      expect(deployment).toContain(`/etc/keyprotect-gateway-tls/${file}`);
    }
    expect(Object.keys(made?.data ?? {})).toHaveLength(3);
    expect(made?.metadata.namespace).toBe("keyprotect");
  });

  test("the way builds and pushes the image that the example names", () => {
    const { image } = gatewayOf(example).container;
    expect(record).toContain(`docker build --tag ${image} .\ndocker push ${image}\n`);
  });

  test("the label that the way gives to a namespace is the one that the NetworkPolicy lets in", () => {
    const [, label = "none"] = /kubectl label namespace \S+ (\S+)\n/.exec(record) ?? [];
    const [name = "", value = ""] = label.split("=");
    const policy = objectOf(example, "NetworkPolicy", "keyprotect-gateway");
    expect(JSON.stringify(policy)).toContain(`"matchLabels":{"${name}":"${value}"}`);
  });

  test.each(["overlays/example", "tls.key", "--kustomize deploy"])(
    "the way ends with a failure where its commands name %s wrong",
    (name) => {
      expect(way.join("")).toContain(name);
      expect(() => run(way.join("").replace(name, `${name}-wrong`))).toThrow("Command failed");
    },
  );
});

describe("the other commands of docs/deployment.md", () => {
  test("the check in a Pod runs the program of the image in the Deployment of the example", () => {
    const [block = ""] = blocksOf("sh").filter((body) => body.includes(" exec "));
    const [, deployment = "none", program = "none"] =
      /exec deployment\/(\S+) -- \\\n +node (\S+) --check-config --online\n/.exec(block) ?? [];
    expect(readText("Dockerfile")).toMatch(
      new RegExp(`^ENTRYPOINT \\["node", .*"${program}"\\]$`, "m"),
    );
    expect(objectOf(example, "Deployment", deployment)).toBeDefined();
  });

  test("the sidecar's manifests can be rendered as the page says", () => {
    const rendered = blocksOf("sh test").map((body) =>
      execFileSync("sh", ["-e", "-c", body], { cwd: root, encoding: "utf8" }),
    );
    expect(rendered).toHaveLength(1);
    expect(rendered[0]).toContain("restartPolicy: Always");
  });
});
