import { status } from "@grpc/grpc-js";
import type { Rpc } from "../../rpc-table.ts";
import type { Encode } from "./inbound-call.ts";
import { StatusError } from "../status/status-error.ts";

/** Refuses responses that are larger than `maxBytes` once encoded. */
export const limitEncoded =
  <Res>(encode: Encode<Res>, maxBytes: number, rpc: Rpc): Encode<Res> =>
  (response) => {
    const message = encode(response);
    if (message.length <= maxBytes) return message;
    message.fill(0);
    throw new StatusError(
      status.INTERNAL,
      "UPSTREAM_BAD_RESPONSE",
      `the answer has ${message.length} bytes, and the gateway sends at most ${maxBytes}; a smaller page may fit`,
      { mayHaveExecuted: rpc.repeat === "unsafe" },
    );
  };
