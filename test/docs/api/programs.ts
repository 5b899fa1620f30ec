/**
 * The programs of the examples in docs/api.md, in this process: grpcurl, curl and jq, as far as the
 * examples use them. Unknown options are refused.
 */
import {
  createFileRegistry,
  fromBinary,
  fromJsonString,
  toBinary,
  toJsonString,
  type FileRegistry,
} from "@bufbuild/protobuf";
import { FileDescriptorSetSchema } from "@bufbuild/protobuf/wkt";
import { Client, credentials, Metadata } from "@grpc/grpc-js";
import { parseArgs } from "node:util";
import { descriptorSet } from "../../../src/gen/descriptor-set.ts";
import { textAt } from "../../support/json-path.ts";
import { expand, type Command, type Variables } from "./shell.ts";

const registry: FileRegistry = createFileRegistry(
  fromBinary(FileDescriptorSetSchema, Buffer.from(descriptorSet, "base64")),
);

/** Runs a program with its arguments and its standard input. Resolves to its standard output. */
type Program = (args: string[], input: string) => Promise<string>;

const unchanged = (bytes: Buffer): Buffer => bytes;

async function grpcurl(args: string[]): Promise<string> {
  const { values, positionals } = parseArgs({
    // grpcurl takes long options with one dash.
    args: args.map((arg) => (arg === "-plaintext" ? "--plaintext" : arg)),
    options: {
      plaintext: { type: "boolean" },
      header: { type: "string", short: "H", multiple: true, default: [] },
      data: { type: "string", short: "d", default: "" },
    },
    allowPositionals: true,
  });
  const [address = "", rpc = ""] = positionals;
  const [service = "", name] = rpc.split("/");
  const method = registry.getService(service)?.methods.find((each) => each.name === name);
  if (method === undefined) throw new Error(`there is no RPC ${rpc}`);
  const metadata = new Metadata();
  for (const header of values.header) {
    const [key = "", value = ""] = header.split(": ");
    metadata.set(key, value);
  }
  const request = fromJsonString(method.input, values.data);
  const client = new Client(address, credentials.createInsecure());
  try {
    const response = await new Promise<Buffer>((resolve, reject) => {
      client.makeUnaryRequest(
        `/${rpc}`,
        unchanged,
        unchanged,
        Buffer.from(toBinary(method.input, request)),
        metadata,
        (error, bytes) =>
          error === null && bytes !== undefined
            ? resolve(bytes)
            : reject(error ?? new Error("no response")),
      );
    });
    return toJsonString(method.output, fromBinary(method.output, response), { registry });
  } finally {
    client.close();
  }
}

async function curl(args: string[]): Promise<string> {
  const { values, positionals } = parseArgs({
    args,
    options: { silent: { type: "boolean", short: "s" }, data: { type: "string", short: "d" } },
    allowPositionals: true,
  });
  const [url = ""] = positionals;
  const answer = await fetch(url, { method: "POST", body: values.data ?? null });
  const text = await answer.text();
  if (!answer.ok) throw new Error(`${url} answered ${answer.status}: ${text}`);
  return text;
}

function jq(args: string[], input: string): Promise<string> {
  const { positionals } = parseArgs({
    args,
    options: { raw: { type: "boolean", short: "r" } },
    allowPositionals: true,
  });
  const [path = ""] = positionals;
  if (!/^(?:\.\w+)+$/.test(path)) throw new Error(`not a path: ${path}`);
  return Promise.resolve(textAt(JSON.parse(input), path));
}

const programs: ReadonlyMap<string, Program> = new Map(Object.entries({ grpcurl, curl, jq }));

/** Runs a command and returns the variables after it. Rejects if one of its programs fails. */
export async function runCommand(command: Command, variables: Variables): Promise<Variables> {
  let output = "";
  for (const words of command.programs) {
    const [name = "", ...args] = expand(words, variables);
    const program = programs.get(name);
    if (program === undefined) throw new Error(`there is no program ${name}`);
    output = await program(args, output);
  }
  return command.sets === undefined ? variables : new Map([...variables, [command.sets, output]]);
}
