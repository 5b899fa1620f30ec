/** docs/api.md: the reference of the API, from the comments of the contract and the examples. */
import { ScalarType, type DescEnum, type DescField, type DescMessage } from "@bufbuild/protobuf";
import type { DescMethod, DescOneof, DescService } from "@bufbuild/protobuf";
import { pathOf } from "../contract/contract.ts";
import type { DocumentedContract } from "../contract/documented-contract.ts";
import { apiExamples } from "./api-examples.ts";
import { rpcHeading, servicesInOrder } from "./api-table.ts";
import { exampleCommands, type ApiExample } from "./example-commands.ts";
import { anchorOf, code, table, wrapped } from "./markdown.ts";

/** The file of the page. */
export const apiPageFile = "docs/api.md";

/** The label of the page's blocks with examples. Tests run these blocks. */
export const exampleLabel = "sh example";

const introduction = `# API reference

This page is generated from the comments in [\`proto/\`](../proto) by \`npm run docs\`. The
[README](../README.md#api) has the RPCs in one table. [docs/errors.md](errors.md) explains the
reasons of errors, [docs/retries.md](retries.md) says what may be repeated, and
[docs/clients.md](clients.md) where stubs for other languages come from.

## The examples

Each RPC has an example for [grpcurl](https://github.com/fullstorydev/grpcurl) and
[jq](https://jqlang.org). They are made for \`npm run dev\`, which starts the gateway in front of an
embedded Key Protect and prints both addresses. Set them first:

\`\`\`sh
GATEWAY=127.0.0.1:50051
EMULATOR=http://127.0.0.1:8080 # as printed
\`\`\`

The examples work in the order of this page: each may use what an earlier one made, such as the key
\`$KEY_ID\`. Names of fields are those of the contract; grpcurl takes \`lowerCamelCase\` too. The
tests run every example of this page.
`;

/** A declaration with a heading of its own. */
type Headed = DescService | DescMessage | DescEnum;

/** The headings of declarations, by full name. Throws if two are the same. */
function headingsOf(contract: DocumentedContract): ReadonlyMap<string, string> {
  const declared: readonly Headed[] = [
    ...contract.services,
    ...contract.messages,
    ...contract.enums,
  ];
  const headings = new Map(declared.map((one) => [one.typeName, shortName(one)]));
  const names = [...headings.values()];
  const twice = names.filter((name, at) => names.indexOf(name) !== at);
  if (twice.length > 0) throw new Error(`two declarations have the name ${twice.join(", ")}`);
  return headings;
}

/** The name in its package, such as `Outer.Inner`. */
const shortName = ({ typeName, file }: Headed): string =>
  typeName.slice(file.proto.package.length + 1);

/** Writes the parts of the page. */
class ApiPage {
  readonly #contract: DocumentedContract;
  readonly #headings: ReadonlyMap<string, string>;
  /** Full names of RPCs by short name, such as `KeysService/GetKey`. */
  readonly #rpcs: ReadonlyMap<string, string>;
  /** Anchors of declarations and RPCs, by the names that comments give them. */
  readonly #anchors: ReadonlyMap<string, string>;

  constructor(contract: DocumentedContract) {
    this.#contract = contract;
    this.#headings = headingsOf(contract);
    this.#rpcs = new Map(
      contract.methods.map((method) => [rpcHeading(method), pathOf(method).slice(1)]),
    );
    this.#anchors = new Map([
      ...contract.methods.map((method) => [method.name, anchorOf(rpcHeading(method))] as const),
      ...[...this.#headings.values()].map((heading) => [heading, anchorOf(heading)] as const),
    ]);
  }

  /** The whole page. */
  text(): string {
    const services = servicesInOrder(this.#contract);
    const packages = [...new Set(services.map(({ file }) => file.proto.package))];
    const parts = packages.flatMap((name) => {
      const ofPackage = ({ file }: Headed): boolean => file.proto.package === name;
      const own = services.filter(ofPackage);
      const ofRpcs = new Set(
        own.flatMap(({ methods }) => methods.flatMap(({ input, output }) => [input, output])),
      );
      return [
        `## Package ${name}\n\n${wrapped(this.#contents(own))}\n`,
        ...own.map((service) => this.#service(service)),
        ...this.#contract.messages
          .filter((message) => ofPackage(message) && !ofRpcs.has(message))
          .map((message) => this.#message(message)),
        ...this.#contract.enums.filter(ofPackage).map((type) => this.#enum(type)),
      ];
    });
    return [introduction, ...parts].join("\n");
  }

  #contents(services: readonly DescService[]): string {
    return `Services: ${services.map((each) => this.#link(each)).join(", ")}.`;
  }

  #service(service: DescService): string {
    const rpcs = service.methods.map((method) => this.#rpc(method));
    return [`### ${shortName(service)}\n\n${this.#prose(service)}`, ...rpcs].join("\n");
  }

  #rpc(method: DescMethod): string {
    const heading = rpcHeading(method);
    const example = apiExamples[heading];
    if (example === undefined) throw new Error(`api-examples.ts has no example of ${heading}`);
    return [
      `#### ${heading}\n\n${this.#prose(method)}`,
      this.#message(method.input, "#####"),
      this.#example(heading, example),
      this.#message(method.output, "#####"),
    ].join("\n");
  }

  #example(heading: string, example: ApiExample): string {
    const commands = exampleCommands(heading, example, (rpc) => {
      const fullName = this.#rpcs.get(rpc);
      if (fullName === undefined) throw new Error(`the contract has no RPC ${rpc}`);
      return fullName;
    });
    const note = example.note === undefined ? "" : `${wrapped(example.note)}\n\n`;
    return `${note}\`\`\`${exampleLabel}\n${commands}\n\`\`\`\n`;
  }

  #message(message: DescMessage, level = "###"): string {
    const head = `${level} ${shortName(message)}\n\n${this.#prose(message)}`;
    if (message.members.length === 0) return head;
    const rows = message.members.flatMap((member) =>
      member.kind === "oneof"
        ? [this.#oneof(member), ...member.fields.map((field) => this.#field(field))]
        : [this.#field(member)],
    );
    return `${head}\n${table(["Field", "Type", "Meaning"], rows)}`;
  }

  #oneof(oneof: DescOneof): string[] {
    const fields = oneof.fields.map(({ name }) => code(name));
    return [`_${oneof.name}_`, `one of ${fields.join(", ")}`, this.#inline(oneof)];
  }

  #field(field: DescField): string[] {
    const isSecret = field.proto.options?.debugRedact === true;
    const type = this.#typeOf(field);
    return [code(field.name), isSecret ? `${type}, secret` : type, this.#inline(field)];
  }

  #typeOf(field: DescField): string {
    if (field.fieldKind === "list") return `repeated ${this.#element(field)}`;
    if (field.fieldKind === "map") {
      return `map of ${scalarName(field.mapKey)} to ${this.#value(field)}`;
    }
    if (field.fieldKind === "message") return this.#link(field.message);
    const single = field.fieldKind === "enum" ? this.#link(field.enum) : scalarName(field.scalar);
    return this.#optional(field) + single;
  }

  #optional({ proto }: DescField): string {
    return proto.proto3Optional ? "optional " : "";
  }

  #element(field: DescField & { fieldKind: "list" }): string {
    if (field.listKind === "scalar") return scalarName(field.scalar);
    return this.#link(field.listKind === "enum" ? field.enum : field.message);
  }

  #value(field: DescField & { fieldKind: "map" }): string {
    if (field.mapKind === "scalar") return scalarName(field.scalar);
    return this.#link(field.mapKind === "enum" ? field.enum : field.message);
  }

  #enum(type: DescEnum): string {
    const rows = type.values.map((value) => [
      code(value.name),
      String(value.number),
      this.#inline(value),
    ]);
    const head = `### ${shortName(type)}\n\n${this.#prose(type)}`;
    return `${head}\n${table(["Value", "Number", "Meaning"], rows)}`;
  }

  /** A link to a declaration. Types of other packages have none. */
  #link(declared: Headed): string {
    const heading = this.#headings.get(declared.typeName);
    if (heading === undefined) return code(declared.typeName);
    return `[${heading}](#${anchorOf(heading)})`;
  }

  #prose(declared: { readonly proto: object }): string {
    const paragraphs = this.#contract.paragraphsOf(declared);
    return `${paragraphs.map((each) => wrapped(this.#linked(each))).join("\n\n")}\n`;
  }

  #inline(declared: { readonly proto: object }): string {
    return this.#linked(this.#contract.paragraphsOf(declared).join(" "));
  }

  /** Makes links of the names of declarations and RPCs, also of `Message.field`. */
  #linked(text: string): string {
    return text.replaceAll(/`([A-Z]\w+)(?:\.\w+)?`/g, (name, declared: string) => {
      const anchor = this.#anchors.get(declared);
      return anchor === undefined ? name : `[${name}](#${anchor})`;
    });
  }
}

/** The name of a scalar type in a proto file. */
const scalarName = (type: ScalarType): string => (ScalarType[type] ?? "").toLowerCase();

/** The page. Throws if an RPC has no example. */
export const apiPage = (contract: DocumentedContract): string => new ApiPage(contract).text();
