/** The commands of the examples in docs/api.md, as text for a shell. */

/** Metadata of the call: the selection of the instance that speaks the dialect of 2019. */
export const in2019 = { "x-kp-instance": "api-2019" } as const;

/** A value of JSON. A text that begins with `$` names a variable of the shell. */
export type Json = string | number | boolean | readonly Json[] | { readonly [name: string]: Json };

/** A call of an RPC by grpcurl. */
export interface ExampleCall {
  /** The RPC as `KeysService/GetKey`. Default: the RPC whose example it is. */
  readonly rpc?: string;
  /** The request, with the names of the contract. */
  readonly request: { readonly [field: string]: Json };
  readonly metadata?: Readonly<Record<string, string>>;
  /** A variable that gets a value of the response: its name, and the path for jq. */
  readonly sets?: readonly [variable: string, path: string];
}

/** A request to the control API of the embedded Key Protect. */
export interface ExampleControl {
  /** The path below `/emulator/`. */
  readonly control: string;
  readonly body: { readonly [field: string]: Json };
  /** As in `ExampleCall`. */
  readonly sets?: ExampleCall["sets"];
}

/** The example of an RPC. */
export interface ApiExample extends Omit<ExampleCall, "rpc"> {
  /** A sentence about the example, if it needs one. */
  readonly note?: string;
  /** Commands that have to run before the call. */
  readonly before?: readonly (ExampleCall | ExampleControl)[];
}

const columns = 100;

/** JSON for a text in single quotes, in which variables are inserted. */
function quoted(value: Json, lead: string): string {
  const oneLine = spaced(value);
  const text = lead.length + oneLine.length + 2 <= columns ? oneLine : pretty(value);
  if (text.includes("'")) throw new Error(`an example must not contain a single quote: ${text}`);
  return `'${text.replaceAll(/"\$(\w+)"/g, `"'$$$1'"`)}'`;
}

const pretty = (value: Json): string => JSON.stringify(value, undefined, 2);

/** JSON on one line, with blanks after colons and commas. */
const spaced = (value: Json): string =>
  pretty(value)
    .replaceAll(/\n */g, " ")
    .replaceAll(/([[{]) /g, "$1")
    .replaceAll(/ ([\]}])/g, "$1");

function callLine(rpc: string, { request, metadata = {}, sets }: ExampleCall): string {
  const headers = Object.entries(metadata).map(([name, value]) => ` -H '${name}: ${value}'`);
  const start = `${sets === undefined ? "" : `${sets[0]}=$(`}grpcurl -plaintext${headers.join("")} -d `;
  const end = `"$GATEWAY" ${rpc}${sets === undefined ? "" : ` | jq -r ${sets[1]})`}`;
  const line = `${start}${quoted(request, start)}`;
  const last = line.slice(line.lastIndexOf("\n") + 1);
  return last.length + 1 + end.length <= columns ? `${line} ${end}` : `${line} \\\n  ${end}`;
}

function controlLine({ control, body, sets }: ExampleControl): string {
  const start = `${sets === undefined ? "" : `${sets[0]}=$(`}curl -s "$EMULATOR/emulator/${control}" -d `;
  return `${start}${quoted(body, start)}${sets === undefined ? "" : ` | jq -r ${sets[1]})`}`;
}

/** The commands of an example. `fullName` gives the name of an RPC with its package. */
export function exampleCommands(
  rpc: string,
  { before = [], ...call }: ApiExample,
  fullName: (rpc: string) => string,
): string {
  const lineOf = (step: ExampleCall | ExampleControl): string =>
    "control" in step ? controlLine(step) : callLine(fullName(step.rpc ?? rpc), step);
  return [...before, call].map(lineOf).join("\n");
}
