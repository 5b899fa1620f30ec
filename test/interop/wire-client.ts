/**
 * gRPC clients of other languages as processes. Each reads a line of JSON per call from standard
 * input, makes all calls over one channel, and writes a line per outcome. Messages are the bytes on
 * the wire, so a client needs its gRPC library only.
 */
import { spawn } from "node:child_process";
import { once } from "node:events";
import { createInterface } from "node:readline";
import { status } from "@grpc/grpc-js";
import { z } from "zod";
import { ErrorInfo } from "../../src/gen/google/rpc/error_details.ts";
import { Status } from "../../src/gen/google/rpc/status.ts";

/** One call, as a client reads it. */
export const orderSchema = z.object({
  id: z.number(),
  /** Path of the RPC, such as `/keyprotect.v1.KeysService/CreateKey`. */
  method: z.string(),
  /** The request message in base64. */
  request: z.string(),
  timeoutMs: z.number(),
});

/** The outcome of a call, as a client writes it. */
const outcomeSchema = z.object({
  id: z.number(),
  code: z.number(),
  message: z.string(),
  /** The `google.rpc.Status` of a failed call in base64. */
  details: z.string(),
});

/** The outcome of a call. */
export interface WireOutcome {
  /** Name of the status, such as `OK`. */
  readonly code: string;
  readonly message: string;
  /** `undefined` if the status does not come from the gateway's own code. */
  readonly errorInfo: ErrorInfo | undefined;
}

/** The program and the first arguments of a client. */
export type Command = readonly [program: string, ...args: string[]];

/** A running client. Disposing of it kills it. */
export interface WireClient extends AsyncDisposable {
  /** Makes a call. Rejects if the client ends before it. */
  call(method: string, request: Uint8Array, timeoutMs: number): Promise<WireOutcome>;
}

const infoUrl = "type.googleapis.com/google.rpc.ErrorInfo";

function toOutcome({ code, message, details }: z.infer<typeof outcomeSchema>): WireOutcome {
  const found = Status.decode(Buffer.from(details, "base64")).details.find(
    ({ typeUrl }) => typeUrl === infoUrl,
  );
  return {
    code: status[code] ?? String(code),
    message,
    errorInfo: found === undefined ? undefined : ErrorInfo.decode(found.value),
  };
}

/** The ends of the promise of one call. */
interface Waiting {
  readonly resolve: (outcome: WireOutcome) => void;
  readonly reject: (error: Error) => void;
}

/** Starts a client with one channel to all `addresses` and the service configuration of a file. */
export function startWireClient(
  [program, ...args]: Command,
  addresses: readonly string[],
  configFile: string,
): WireClient {
  const child = spawn(program, [...args, configFile, ...addresses], {
    stdio: ["pipe", "pipe", "inherit"],
  });
  const waiting = new Map<number, Waiting>();
  let last = 0;
  let failure: Error | undefined;
  const fail = (error: Error): void => {
    failure ??= error;
    for (const { reject } of waiting.values()) reject(failure);
    waiting.clear();
  };
  createInterface({ input: child.stdout }).on("line", (line) => {
    try {
      const outcome = outcomeSchema.parse(JSON.parse(line));
      waiting.get(outcome.id)?.resolve(toOutcome(outcome));
      waiting.delete(outcome.id);
    } catch (error) {
      fail(new Error(`${program} wrote ${line}`, { cause: error }));
    }
  });
  // Without a listener, an error of the pipe or of the start would end the tests' process.
  child.stdin.on("error", fail);
  child.on("error", fail);
  let hasEnded = false;
  child.once("close", () => {
    hasEnded = true;
    fail(new Error(`${program} ended`));
  });
  return {
    call(method, request, timeoutMs) {
      return new Promise((resolve, reject) => {
        if (failure !== undefined) {
          reject(failure);
          return;
        }
        last += 1;
        waiting.set(last, { resolve, reject });
        const text = Buffer.from(request).toString("base64");
        child.stdin.write(`${JSON.stringify({ id: last, method, request: text, timeoutMs })}\n`);
      });
    },
    async [Symbol.asyncDispose]() {
      if (hasEnded) return;
      const ended = once(child, "close");
      child.kill("SIGKILL");
      await ended;
    },
  };
}
