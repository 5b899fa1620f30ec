/**
 * Makes calls and prints each as one line: status, RPC, time and correlation ID. The details of an
 * error follow below its line. Every line fits into a terminal of 80 columns.
 */
import { styleText } from "node:util";
import { status, type ServiceError } from "@grpc/grpc-js";
import {
  BadRequest,
  type BadRequest_FieldViolation,
  ErrorInfo,
  RetryInfo,
} from "../../src/gen/google/rpc/error_details.ts";
import { Status } from "../../src/gen/google/rpc/status.ts";
import { unaryCall, type MethodOf, type RequestOf, type ResponseOf } from "../unary-call.ts";

const width = 80;
/** Text has styles only if standard output is a terminal that shows them. */
const terminal = { stream: process.stdout };

const columns = (code: string, rpc: string, time: string, correlationId: string): string =>
  `${code.padEnd(19)} ${rpc.padEnd(17)} ${time.padStart(5)} ${correlationId}`;

/** Breaks a text into lines, the first one after `first` and the others after `rest`. */
function wrap(text: string, first = "", rest = first): string {
  const lines: string[] = [];
  let line = "";
  for (const word of text.trim().split(/\s+/)) {
    const indent = lines.length === 0 ? first : rest;
    if (line !== "" && indent.length + line.length + 1 + word.length > width) {
      lines.push(indent + line);
      line = word;
    } else {
      line = line === "" ? word : `${line} ${word}`;
    }
  }
  return [...lines, (lines.length === 0 ? first : rest) + line].join("\n");
}

/** The functions with which the steps of the demo print and call. */
export type Narrator = ReturnType<typeof createNarrator>;

/** Creates the functions that print and call. Default output: standard output. */
export function createNarrator(write: (line: string) => void = (line) => console.log(line)) {
  /** Prints a paragraph. */
  const say = (text: string): void => write(`\n${wrap(text)}`);
  /** Prints the title and the explanation of the calls that follow. */
  const step = (title: string, explanation: string): void => {
    write(`\n${styleText("bold", title, terminal)}`);
    write(wrap(explanation));
  };
  /** Prints the heading of the columns. */
  const heading = (): void => write(`\n${columns("status", "RPC", "time", "correlation ID")}`);
  /** Prints a result of the last call. */
  const show = (name: string, value: string): void =>
    write(wrap(`${name}: ${value}`, "  ", "    "));
  /** Prints a remark between two calls. */
  const remark = (text: string): void => write(wrap(`(${text})`, "  ", "    "));

  async function attempt<C extends object, M extends MethodOf<C>>(
    client: C,
    method: M,
    request: Partial<RequestOf<C, M>>,
  ) {
    const started = performance.now();
    const outcome = await unaryCall(client, method, request);
    const ms = Math.round(performance.now() - started);
    const code = status[outcome.error?.code ?? status.OK] ?? "?";
    const name = method.charAt(0).toUpperCase() + method.slice(1);
    const correlationId = String(outcome.trailers.get("x-correlation-id")[0] ?? "");
    const line = columns(code, name, `${ms}ms`, correlationId);
    write(styleText(outcome.error === null ? "green" : "red", line, terminal));
    return outcome;
  }

  /** Prints the reason, the text and the other details. Returns the reason's metadata. */
  function showError(error: ServiceError): Readonly<Record<string, string>> {
    let reason = "no reason";
    let metadata: Readonly<Record<string, string>> = {};
    let violations: readonly BadRequest_FieldViolation[] = [];
    let delay: string | undefined;
    const encoded = error.metadata.get("grpc-status-details-bin")[0];
    const details = Buffer.isBuffer(encoded) ? Status.decode(encoded).details : [];
    for (const { typeUrl, value } of details) {
      if (typeUrl.endsWith("/google.rpc.ErrorInfo")) {
        ({ reason, metadata } = ErrorInfo.decode(value));
      }
      if (typeUrl.endsWith("/google.rpc.RetryInfo")) {
        const { seconds, nanos } = RetryInfo.decode(value).retryDelay ?? { seconds: 0n, nanos: 0 };
        delay = `${Math.ceil(Number(seconds) + nanos / 1e9)} s`;
      }
      if (typeUrl.endsWith("/google.rpc.BadRequest")) {
        violations = BadRequest.decode(value).fieldViolations;
      }
    }
    // The text of several violations names the first one, which follows.
    if (violations.length > 1) write(`  ${reason}`);
    else show(reason, error.details);
    for (const { field, description } of violations) show(field, description);
    if (delay !== undefined) show("retry after", delay);
    return metadata;
  }

  /** Makes a call that must succeed. Throws if it fails. */
  const call = async <C extends object, M extends MethodOf<C>>(
    client: C,
    method: M,
    request: Partial<RequestOf<C, M>>,
  ): Promise<ResponseOf<C, M>> => {
    const { error, response } = await attempt(client, method, request);
    if (error !== null) showError(error);
    if (response === undefined) throw error ?? new Error(`${method} answered nothing`);
    return response;
  };

  /**
   * Makes a call that must fail, and prints the error. Resolves with the metadata of its reason.
   * Throws if the call succeeds.
   */
  const callThatFails = async <C extends object, M extends MethodOf<C>>(
    client: C,
    method: M,
    request: Partial<RequestOf<C, M>>,
  ): Promise<Readonly<Record<string, string>>> => {
    const { error } = await attempt(client, method, request);
    if (error === null) throw new Error(`${method} was expected to fail`);
    return showError(error);
  };

  return { say, step, heading, show, remark, call, callThatFails };
}
