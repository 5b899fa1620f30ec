/** Failures that only calls of doors have. */
import { status } from "@grpc/grpc-js";
import { StatusError } from "../../grpc/status/status-error.ts";

/** `UPSTREAM_BAD_RESPONSE`: Key Protect did not say which version of the key it used. */
export const keyVersionMissing = (): StatusError =>
  new StatusError(
    status.INTERNAL,
    "UPSTREAM_BAD_RESPONSE",
    "the answer of Key Protect does not name the version of the key",
  );

/** `UPSTREAM_BAD_RESPONSE`: the protocol of the door cannot carry what Key Protect answered. */
export const ciphertextTooLarge = (bytes: number, maxBytes: number): StatusError =>
  new StatusError(
    status.INTERNAL,
    "UPSTREAM_BAD_RESPONSE",
    `the ciphertext of Key Protect has ${bytes} bytes, and callers of this endpoint accept at most ${maxBytes}`,
  );

/** `OPERATION_UNSUPPORTED`: a kind of key that is not Key Protect's. `name` is the protocol's. */
export const keyTypeUnsupported = (name: string): StatusError =>
  new StatusError(
    status.UNIMPLEMENTED,
    "OPERATION_UNSUPPORTED",
    `this endpoint has no keys of the type ${name}, only of vault_key and kms_key`,
  );
