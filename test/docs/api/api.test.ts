/** docs/api.md is what the contract gives, and every example of it works. */
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { startLocalGateway, type LocalGateway } from "../../../examples/local-gateway.ts";
import { readDocumentedContract } from "../../../scripts/contract/documented-contract.ts";
import { apiExamples } from "../../../scripts/docs/api-examples.ts";
import { apiPage, apiPageFile, exampleLabel } from "../../../scripts/docs/api-page.ts";
import { rpcHeading } from "../../../scripts/docs/api-table.ts";
import { sharedTransportKeys } from "../../support/start-emulator.ts";
import { fencesOf, readText } from "../documents.ts";
import { runCommand } from "./programs.ts";
import { expand, parseScript, type Command, type Variables } from "./shell.ts";

const page = readText(apiPageFile);
const contract = readDocumentedContract();
const rpcs = contract.methods.map(rpcHeading);

test("docs/api.md is what the comments of the contract and the examples give", () => {
  expect(apiPage(contract)).toBe(page);
});

test("every RPC of the contract has an example, and every example has its RPC", () => {
  expect(Object.keys(apiExamples).toSorted()).toEqual(rpcs.toSorted());
});

test("an RPC without an example is named by the generator", () => {
  const [method] = contract.methods;
  if (method === undefined) throw new Error("the contract has no RPC");
  const renamed = Object.create(method, { name: { value: "Planted" } });
  const service = Object.create(method.parent, { methods: { value: [renamed] } });
  expect(() => apiPage({ ...contract, services: [service] })).toThrow(
    `${method.parent.name}/Planted`,
  );
});

test("docs/api.md describes every declaration and every field of the contract", () => {
  const declared = [...contract.services, ...contract.messages, ...contract.enums];
  const headings = [...page.matchAll(/^#+ (.+)$/gm)].map(([, heading]) => heading);
  expect(declared.map(({ name }) => name).filter((name) => !headings.includes(name))).toEqual([]);
  expect(rpcs.filter((rpc) => !headings.includes(rpc))).toEqual([]);
  const rows = page.match(/^\| `\w+` \|/gm) ?? [];
  const values = contract.enums.flatMap((type) => type.values);
  expect(rows).toHaveLength(contract.fields.length + values.length);
});

/** The last word of the first program: the RPC that grpcurl calls. */
const called = ({ programs: [first = []] }: Command): string =>
  first
    .at(-1)
    ?.map((piece) => ("text" in piece ? piece.text : ""))
    .join("") ?? "";

describe("the examples of docs/api.md", () => {
  const scripts = fencesOf(page)
    .filter(({ label }) => label === exampleLabel)
    .map(({ body }) => body);
  const examples = scripts.map((script) => {
    const commands = parseScript(script);
    const [last] = commands.slice(-1);
    return { rpc: last === undefined ? "" : called(last), commands };
  });

  let local: LocalGateway;
  let variables: Variables;
  beforeAll(async () => {
    local = await startLocalGateway({
      listen: "127.0.0.1:0",
      logLevel: "silent",
      transportKeys: sharedTransportKeys,
    });
    variables = new Map([
      ["GATEWAY", local.address],
      ["EMULATOR", local.emulator.url],
    ]);
  });
  afterAll(() => local[Symbol.asyncDispose]());

  test("docs/api.md calls every RPC in the example that stands with it", () => {
    const order = [...page.matchAll(/^#### (\S+\/\S+)$/gm)].map(([, heading = ""]) => heading);
    expect(examples.map(({ rpc }) => rpc.replace(/^.*\./, ""))).toEqual(order);
  });

  // One after the other: an example may use what an earlier one made.
  test.each(examples)("the example of $rpc in docs/api.md works", async ({ commands }) => {
    for (const command of commands) variables = await runCommand(command, variables);
  });

  test("an example that calls an unknown RPC, sets an unknown field or fails is noticed", async () => {
    const run = (script: string): Promise<Variables> => {
      const [command] = parseScript(script);
      if (command === undefined) throw new Error("no command");
      return runCommand(command, variables);
    };
    const call = (data: string, rpc: string): Promise<Variables> =>
      run(`grpcurl -plaintext -d '${data}' "$GATEWAY" keyprotect.v1.KeysService/${rpc}\n`);
    await expect(call("{}", "CountKeys")).resolves.toBe(variables);
    await expect(call("{}", "CountKey")).rejects.toThrow("there is no RPC");
    await expect(call('{"keys": 1}', "CountKeys")).rejects.toThrow('key "keys" is unknown');
    await expect(call('{"key_id": "no such key"}', "GetKey")).rejects.toThrow("INVALID_ARGUMENT");
    await expect(run("curl -s \"$EMULATOR/emulator/nothing\" -d '{}'\n")).rejects.toThrow("404");
    await expect(run("grpcurl -insecure\n")).rejects.toThrow();
    await expect(run("rm -rf\n")).rejects.toThrow("there is no program rm");
    await expect(run('curl -s "$NOWHERE"\n')).rejects.toThrow("NOWHERE is not set");
  });

  test("a script in more of the shell's language than the examples use is refused", () => {
    for (const script of ["a; b\n", "a && b\n", "a > b\n", "A=$(a\n", "a `b`\n", "a 'b\n"]) {
      expect(() => parseScript(script), script).toThrow();
    }
    const [command] = parseScript("a 'b \"'$C'\"' \\\n  \"d $C\" | e -f .g\n");
    const words = command?.programs.map((program) => expand(program, new Map([["C", "c"]])));
    expect(words).toEqual([
      ["a", 'b "c"', "d c"],
      ["e", "-f", ".g"],
    ]);
  });
});
