import { SetupError } from "./setup-error.ts";

/** An address cannot be listened on: the process cannot start. The text is for the operator and names the address. */
export class ListenError extends Error {
  override readonly name = "ListenError";
  /** Such as `127.0.0.1:50051`. */
  readonly address: string;

  constructor(address: string, cause: unknown) {
    super(`cannot listen on ${address}: ${detailOf(cause)}`, { cause });
    this.address = address;
  }
}

/** The system's code, which grpc-js has in its text only; or what the gateway itself found. Anybody else's text stays out. */
function detailOf(cause: unknown): string {
  if (cause instanceof SetupError) return cause.message;
  const text = cause instanceof Error ? cause.message : "";
  return /\bE[A-Z]{3,20}\b/.exec(text)?.[0] ?? "no reason given";
}
