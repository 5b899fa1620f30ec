/** The sections of the documentation that are generated from code. */
import { configTable } from "../src/config/schema/docs-table.ts";
import { metricDefinitions } from "../src/observability/metrics/definitions.ts";
import { createFileRegistry, fromBinary } from "@bufbuild/protobuf";
import { FileDescriptorSetSchema } from "@bufbuild/protobuf/wkt";
import { descriptorSet } from "../src/gen/descriptor-set.ts";
import { rpcTable, type Rpc } from "../src/rpc-table.ts";
import { readDocumentedContract } from "./contract/documented-contract.ts";
import { apiTables } from "./docs/api-table.ts";
import { coverageTable } from "./docs/coverage-table.ts";
import { code, table } from "./docs/markdown.ts";
import { attributesTable, eventsTable, spansTable } from "./docs/telemetry-tables.ts";

/** The variables that most deployments set. The README shows only these. */
const essentialVariables = [
  "KP_SERVICE_URL",
  "KP_INSTANCE_ID",
  "KP_AUTH_TYPE",
  "IBMCLOUD_API_KEY_FILE",
  "IBMCLOUD_API_KEY",
  "IAM_AUTH_URL",
  "KP_API_DIALECT",
  "GATEWAY_LISTEN",
  "GATEWAY_ADMIN_LISTEN",
  "GATEWAY_TLS_CERT_FILE",
  "GATEWAY_TLS_KEY_FILE",
  "GATEWAY_TLS_CLIENT_CA_FILE",
  "GATEWAY_TLS_TRUST_DOMAINS",
  "GATEWAY_CONFIG",
] as const;

/** The rows of the essential variables, without the columns for the file and the kind of value. */
function essentialConfig(): string {
  const rows = configTable()
    .trimEnd()
    .split("\n")
    .map((line) =>
      line
        .slice(2, -2)
        .split(/(?<!\\) \| /)
        .map((cell) => cell.replaceAll("\\|", "|")),
    );
  const chosen = essentialVariables.map((name) => {
    const [variable, , , fallback, , meaning] = rows.find(([cell]) => cell === code(name)) ?? [];
    if (variable === undefined) throw new Error(`there is no variable ${name}`);
    return [variable, fallback ?? "", meaning ?? ""];
  });
  return table(["Variable", "Default", "Meaning"], chosen);
}

const metrics = (): string =>
  table(
    ["Metric", "Type", "Labels", "Meaning"],
    Object.values(metricDefinitions).map(({ name, type, labels, help }) => [
      code(name),
      type,
      labels.map(code).join(", "),
      help,
    ]),
  );

const seconds = (ms: number): string => `${ms / 1_000} s`;

const times = (): string =>
  table(
    ["RPC", "Repeating", "Default deadline", "One upstream attempt", "Wildcard rules cover it"],
    rpcTable.map((rpc) => [
      code(rpc.method),
      rpc.retry,
      seconds(rpc.defaultDeadlineMs),
      seconds(rpc.attemptTimeoutMs),
      rpc.sensitive ? "no, name it" : "yes",
    ]),
  );

/** RPCs that take what is gone already for a success if the caller asks for that. */
const allowingMissing: ReadonlySet<string> = new Set(
  [...createFileRegistry(fromBinary(FileDescriptorSetSchema, Buffer.from(descriptorSet, "base64")))]
    .flatMap((type) => (type.kind === "service" ? type.methods : []))
    .filter(({ input }) => input.fields.some(({ name }) => name === "allow_missing"))
    .map(({ name }) => name),
);

/** The columns about a repeat of an RPC. */
function answerOfRepeat({ method, retry, secondAnswer }: Rpc): readonly string[] {
  if (retry === "safe") return ["yes", "as the first call"];
  if (retry === "unsafe" || secondAnswer === undefined) return ["**no**", "a second change"];
  const answer = `${code(secondAnswer)} if the first call was executed`;
  return [
    "yes",
    allowingMissing.has(method) ? `${answer}; OK with ${code("allow_missing")}` : answer,
  ];
}

const repeats = (): string =>
  table(
    ["RPC", "May be repeated", "Result of a repeat"],
    rpcTable.map((rpc) => [code(rpc.method), ...answerOfRepeat(rpc)]),
  );

/** The packages of generated code, which all files of a package name alike. */
function languagePackages(): string {
  const { files } = readDocumentedContract();
  const byPackage = new Map(files.map(({ proto }) => [proto.package, proto.options]));
  return table(
    ["Package", "Go", "Java", "C#", "Python"],
    [...byPackage].map(([name, options]) => [
      code(name),
      code(options?.goPackage ?? ""),
      code(options?.javaPackage ?? ""),
      code(options?.csharpNamespace ?? ""),
      code(name),
    ]),
  );
}

const sections: ReadonlyMap<string, () => string> = new Map([
  ["api", () => apiTables(readDocumentedContract())],
  ["config", configTable],
  ["coverage", coverageTable],
  ["essential-config", essentialConfig],
  ["metrics", metrics],
  ["rpc-times", times],
  ["repeats", repeats],
  ["language-packages", languagePackages],
  ["spans", spansTable],
  ["span-events", eventsTable],
  ["span-attributes", attributesTable],
]);

const marked = /^<!-- generated: ([a-z-]+) -->\n[^]*?^<!-- end -->$/gm;

/** Files with generated sections. */
export const generatedFiles = [
  "README.md",
  "docs/clients.md",
  "docs/configuration.md",
  "docs/coverage.md",
  "docs/metrics.md",
  "docs/operations.md",
  "docs/retries.md",
  "docs/telemetry.md",
] as const;

/**
 * Replaces the text between `<!-- generated: name -->` and `<!-- end -->`. Throws for an unknown
 * name.
 */
export function withGeneratedSections(text: string): string {
  return text.replaceAll(marked, (_whole, name: string) => {
    const make = sections.get(name);
    if (make === undefined) throw new Error(`there is no generated section ${name}`);
    return `<!-- generated: ${name} -->\n\n${make()}\n<!-- end -->`;
  });
}
