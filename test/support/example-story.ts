/**
 * The examples of docs/api.md as calls: each RPC in an order that works, with what has to come
 * before it. A new RPC cannot be documented without an example, so it takes part here too.
 */
import {
  createRegistry,
  fromJson,
  toJson,
  type DescMethod,
  type JsonValue,
} from "@bufbuild/protobuf";
import { reflect, type ReflectMessage } from "@bufbuild/protobuf/reflect";
import { apiExamples } from "../../scripts/docs/api-examples.ts";
import { rpcHeading } from "../../scripts/docs/api-table.ts";
import type { ExampleCall, ExampleControl } from "../../scripts/docs/example-commands.ts";
import { rpcTable } from "../../src/rpc-table.ts";
import { contractMethods } from "./contract-messages.ts";
import { textAt } from "./json-path.ts";

/** A call of the story. */
export interface StoryCall {
  readonly method: DescMethod;
  readonly request: ReflectMessage;
  readonly metadata: Readonly<Record<string, string>>;
}

/** The way to make calls. */
export interface StoryDeps {
  /** Makes a call that must succeed. */
  readonly call: (call: StoryCall) => Promise<ReflectMessage>;
  /** URL of the emulator. */
  readonly emulatorUrl: string;
}

const methodsByHeading = new Map(contractMethods.map((method) => [rpcHeading(method), method]));
const types = createRegistry(...contractMethods.flatMap(({ input, output }) => [input, output]));

/** The RPCs in the order of the page. */
const order = rpcTable.map(({ service, method }) => `${service.replace(/.*\./, "")}/${method}`);

type Variables = ReadonlyMap<string, string>;

const inserted = (value: unknown, variables: Variables): JsonValue =>
  JSON.parse(
    JSON.stringify(value).replaceAll(/"\$(\w+)"/g, (_, name: string) => {
      const found = variables.get(name);
      if (found === undefined) throw new Error(`no example sets ${name}`);
      return JSON.stringify(found);
    }),
  );

function toCall(heading: string, { request, metadata = {} }: ExampleCall, variables: Variables) {
  const method = methodsByHeading.get(heading);
  if (method === undefined) throw new Error(`the contract has no ${heading}`);
  const json = inserted(request, variables);
  const message = reflect(method.input, fromJson(method.input, json, { registry: types }));
  return { method, request: message, metadata };
}

async function control(
  url: string,
  { control: path, body }: ExampleControl,
  variables: Variables,
): Promise<unknown> {
  const text = JSON.stringify(inserted(body, variables));
  const answer = await fetch(`${url}/emulator/${path}`, { method: "POST", body: text });
  if (!answer.ok) throw new Error(`${path}: ${await answer.text()}`);
  return answer.json();
}

/** Makes all calls one after the other. Returns them, with the values that their requests had. */
export async function playExamples({ call, emulatorUrl }: StoryDeps): Promise<StoryCall[]> {
  const variables = new Map<string, string>();
  const calls: StoryCall[] = [];
  for (const heading of order) {
    const example = apiExamples[heading];
    if (example === undefined) throw new Error(`api-examples.ts has no example of ${heading}`);
    const { before = [], ...own } = example;
    for (const step of [...before, own]) {
      let answer: unknown;
      if ("control" in step) answer = await control(emulatorUrl, step, variables);
      else {
        const made = toCall(("rpc" in step ? step.rpc : undefined) ?? heading, step, variables);
        calls.push(made);
        const response = await call(made);
        answer = toJson(response.desc, response.message);
      }
      if (step.sets !== undefined) variables.set(step.sets[0], textAt(answer, step.sets[1]));
    }
  }
  return calls;
}
