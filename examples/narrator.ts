/**
 * Makes calls and prints each as one line: status, RPC, time and correlation ID. The details of an
 * error follow below its line.
 */
import { status, type ServiceError } from "@grpc/grpc-js";
import { BadRequest, ErrorInfo, RetryInfo } from "../src/gen/google/rpc/error_details.ts";
import { Status } from "../src/gen/google/rpc/status.ts";
import { unaryCall, type MethodOf, type RequestOf, type ResponseOf } from "./unary-call.ts";

const columns = (code: string, rpc: string, time: string, correlationId: string): string =>
  `  ${code.padEnd(20)} ${rpc.padEnd(19)} ${time.padStart(10)}   ${correlationId}`;

/** Creates the functions that print and call. Default output: standard output. */
export function createNarrator(write: (line: string) => void = (line) => console.log(line)) {
  /** Prints a paragraph. */
  const say = (text: string): void => write(`\n${text}`);
  /** Prints the title and the explanation of the calls that follow. */
  const step = (title: string, explanation: string): void => {
    say(title);
    write(explanation);
  };
  /** Prints the heading of the columns. */
  const heading = (): void => say(columns("status", "RPC", "time", "correlation ID"));
  /** Prints a result of the last call. */
  const show = (name: string, value: string): void => write(`      ${name}: ${value}`);

  async function attempt<C extends object, M extends MethodOf<C>>(
    client: C,
    method: M,
    request: Partial<RequestOf<C, M>>,
  ) {
    const started = performance.now();
    const outcome = await unaryCall(client, method, request);
    const ms = (performance.now() - started).toFixed(1);
    const code = status[outcome.error?.code ?? status.OK] ?? "?";
    const name = method.charAt(0).toUpperCase() + method.slice(1);
    const correlationId = String(outcome.trailers.get("x-correlation-id")[0] ?? "");
    write(columns(code, name, `${ms} ms`, correlationId));
    return outcome;
  }

  function showError(error: ServiceError): void {
    show("message", error.details);
    const encoded = error.metadata.get("grpc-status-details-bin")[0];
    if (!Buffer.isBuffer(encoded)) return;
    for (const { typeUrl, value } of Status.decode(encoded).details) {
      if (typeUrl.endsWith("/google.rpc.ErrorInfo")) {
        const { reason, metadata } = ErrorInfo.decode(value);
        const { httpStatus = "", mayHaveExecuted = "" } = metadata;
        const upstream = httpStatus === "" ? "no answer from Key Protect" : `HTTP ${httpStatus}`;
        show("reason", `${reason} (${upstream}, may have executed: ${mayHaveExecuted})`);
      }
      if (typeUrl.endsWith("/google.rpc.RetryInfo")) {
        show("retry after", `${RetryInfo.decode(value).retryDelay?.seconds ?? 0n} s`);
      }
      if (typeUrl.endsWith("/google.rpc.BadRequest")) {
        for (const violation of BadRequest.decode(value).fieldViolations) {
          show(`field ${violation.field}`, violation.description);
        }
      }
    }
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

  /** Makes a call that must fail, and prints the error. Throws if it succeeds. */
  const callThatFails = async <C extends object, M extends MethodOf<C>>(
    client: C,
    method: M,
    request: Partial<RequestOf<C, M>>,
  ): Promise<void> => {
    const { error } = await attempt(client, method, request);
    if (error === null) throw new Error(`${method} was expected to fail`);
    showError(error);
  };

  return { say, step, heading, show, call, callThatFails };
}
