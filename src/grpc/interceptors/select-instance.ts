/** Selects the Key Protect instance of a call. */
import { status } from "@grpc/grpc-js";
import { StatusError } from "../status/status-error.ts";
import type { Interceptor } from "./interceptor.ts";

/** The metadata key that selects the Key Protect instance. */
export const instanceHeader = "x-kp-instance";

/** Options of `createSelectInstance`. */
export interface SelectInstanceOptions {
  /** Aliases of the configured instances. */
  readonly aliases: readonly string[];
  /** The alias for calls that name no instance; `undefined`: they are rejected. */
  readonly defaultAlias: string | undefined;
}

/**
 * Creates the interceptor that writes `instance` into the context: the alias in `x-kp-instance`, or
 * the default. Rejects with `INVALID_ARGUMENT` if the alias is not configured, the metadata holds
 * several, or it holds none and there is no default. HTTP/2 implementations drop a header whose
 * value they consider malformed, such as one with a blank at an end, so the caller of a call
 * without the header may have named an instance.
 */
export function createSelectInstance(options: SelectInstanceOptions): Interceptor {
  const aliases = new Set(options.aliases);
  const { defaultAlias } = options;
  if (defaultAlias !== undefined && !aliases.has(defaultAlias)) {
    throw new Error(`the default instance ${defaultAlias} is not among the instances`);
  }

  return (next) => (request, context) => {
    const values = context.metadata.get(instanceHeader);
    const alias = values.length === 0 ? defaultAlias : values[0];
    if (values.length === 0 && alias === undefined) {
      return Promise.reject(
        unknownInstance(
          `the metadata ${instanceHeader} is missing, or was dropped as malformed; there are several instances and none is the default`,
        ),
      );
    }
    if (values.length > 1) {
      return Promise.reject(unknownInstance(`the metadata holds ${instanceHeader} more than once`));
    }
    if (typeof alias !== "string" || !aliases.has(alias)) {
      return Promise.reject(
        unknownInstance(
          `the metadata ${instanceHeader} names ${shown(alias)}, which is not a configured instance`,
        ),
      );
    }
    context.instance = alias;
    return next(request, context);
  };
}

const unknownInstance = (message: string): StatusError =>
  new StatusError(status.INVALID_ARGUMENT, "INSTANCE_UNKNOWN", message);

/** An alias as shown in an error text. One with other characters could forge log lines. */
const shown = (alias: unknown): string =>
  typeof alias === "string" && /^[A-Za-z0-9._-]{1,64}$/.test(alias) ? `"${alias}"` : "something";
