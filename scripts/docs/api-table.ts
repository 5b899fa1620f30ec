/** The tables of RPCs in the README: one per package, from the comments of the contract. */
import { status } from "@grpc/grpc-js";
import type { DescMethod, DescService } from "@bufbuild/protobuf";
import { pathOf } from "../contract/contract.ts";
import type { DocumentedContract } from "../contract/documented-contract.ts";
import { rpcOf, rpcTable, type Rpc } from "../../src/rpc-table.ts";
import { anchorOf, code, table, wrapped } from "./markdown.ts";

const statuses = Object.keys(status).filter((name) => /^[A-Z_]+$/.test(name));

/** The statuses that every RPC may answer with. The README lists them above the tables. */
const ofEveryRpc: ReadonlySet<string> = new Set([
  "INVALID_ARGUMENT",
  "UNAUTHENTICATED",
  "PERMISSION_DENIED",
  "RESOURCE_EXHAUSTED",
  "UNAVAILABLE",
  "DEADLINE_EXCEEDED",
  "INTERNAL",
]);

/** The heading of an RPC in docs/api.md. */
export const rpcHeading = ({ parent, name }: DescMethod): string => `${parent.name}/${name}`;

/** The services in the order of the table of RPCs. */
export function servicesInOrder({ services }: DocumentedContract): readonly DescService[] {
  const order = [...new Set(rpcTable.map(({ service }) => service))];
  return services.toSorted(
    (one, other) => order.indexOf(one.typeName) - order.indexOf(other.typeName),
  );
}

/** The upstream requests of an RPC in the two dialects, or the word for none. */
interface UpstreamRequests {
  readonly current: string;
  readonly of2019: string;
}

const request = "`([A-Z]+) /api/v2(/[^`]*)`";
/** The words after a request that belong to it, such as "without a plaintext". */
const between = "((?: [a-z]+)*?)";

/** The request whose dialect the given words name. Parameters of pages are left out. */
function requestIn(text: string, words: string): string | undefined {
  const found = new RegExp(`${request}${between} in ${words}`).exec(text);
  if (found === null) return undefined;
  const [, method = "", path = "", addition = ""] = found;
  return code(`${method} ${path.replace(/\?(?!action=).*/, "")}`) + addition;
}

/**
 * Reads the paragraph "Upstream:" of an RPC's comment. Throws if it does not say what is sent in
 * each of the dialects.
 */
export function upstreamRequests(rpc: string, paragraph: string): UpstreamRequests {
  const both = requestIn(paragraph, "both dialects");
  if (both !== undefined) return { current: both, of2019: "the same" };
  const none = /[Nn]othing is sent in the (current|2019) dialect/.exec(paragraph)?.[1];
  const current = requestIn(paragraph, "the current dialect");
  const other = new RegExp(`The 2019 dialect has ${request}`).exec(paragraph);
  const of2019 =
    other === null
      ? requestIn(paragraph, "the 2019 dialect")
      : code(`${other[1] ?? ""} ${other[2] ?? ""}`);
  const lacks2019 = none === "2019" || paragraph.includes("The 2019 dialect does not have it");
  const requests = {
    current: current ?? (none === "current" ? "none" : undefined),
    of2019: of2019 ?? (lacks2019 ? "none" : undefined),
  };
  if (requests.current === undefined || requests.of2019 === undefined) {
    throw new Error(`the comment of ${rpc} does not say what it sends in each dialect`);
  }
  return { current: requests.current, of2019: requests.of2019 };
}

const repeating = ({ retry, secondAnswer }: Rpc): string => {
  if (retry === "unsafe") return "no";
  return secondAnswer === undefined ? "yes" : `yes, second answer ${code(secondAnswer)}`;
};

/** The table of one package. */
function packageTable(contract: DocumentedContract, services: readonly DescService[]): string {
  const rows = services.flatMap((service) =>
    service.methods.map((method) => {
      const paragraphs = contract.paragraphsOf(method);
      const answers = paragraphs.find((each) => each.startsWith("Besides what every RPC")) ?? "";
      const upstream = paragraphs.find((each) => each.startsWith("Upstream:")) ?? "";
      const heading = rpcHeading(method);
      const { current, of2019 } = upstreamRequests(heading, upstream);
      const own = statuses.filter(
        (name) => !ofEveryRpc.has(name) && new RegExp(`\\b${name}\\b`).test(answers),
      );
      return [
        `[${code(method.name)}](docs/api.md#${anchorOf(heading)})`,
        current,
        of2019,
        repeating(rpcOf(pathOf(method))),
        own.map(code).join(", "),
      ];
    }),
  );
  return table(
    ["RPC", "Key Protect, current dialect", "2019 dialect", "Retry?", "Statuses of its own"],
    rows,
  );
}

/** A line and a table for each package of the contract. */
export function apiTables(contract: DocumentedContract): string {
  const services = servicesInOrder(contract);
  const packages = [...new Set(services.map(({ file }) => file.proto.package))];
  return packages
    .map((name) => {
      const own = services.filter(({ file }) => file.proto.package === name);
      const names = own.map((each) => `[${each.name}](docs/api.md#${anchorOf(each.name)})`);
      const line = wrapped(`Package ${code(name)}: ${names.join(", ")}.`);
      return `${line}\n\n${packageTable(contract, own)}`;
    })
    .join("\n");
}
