import { status } from "@grpc/grpc-js";
import type { Interceptor } from "./interceptor.ts";
import { StatusError } from "../status/status-error.ts";

/** The metadata key that chooses the Key Protect instance. */
export const instanceHeader = "x-kp-instance";

/** The instances that are configured. */
export interface RouteOptions {
  readonly aliases: readonly string[];
  /** For calls that name no instance. */
  readonly defaultAlias: string;
}

/**
 * Chooses the instance by the alias in `x-kp-instance`. Rejects with `INVALID_ARGUMENT` if the alias is not configured or
 * the metadata names several.
 */
export function createRoute(options: RouteOptions): Interceptor {
  const aliases = new Set(options.aliases);
  if (!aliases.has(options.defaultAlias)) {
    throw new Error(`the default instance ${options.defaultAlias} is not among the instances`);
  }

  return (next) => (request, context) => {
    const values = context.metadata.get(instanceHeader);
    if (values.length === 0) return next(request, { ...context, instance: options.defaultAlias });
    const [alias] = values;
    if (values.length > 1) {
      return Promise.reject(
        unknownInstance(`the metadata ${instanceHeader} is there more than once`),
      );
    }
    if (typeof alias !== "string" || !aliases.has(alias)) {
      return Promise.reject(
        unknownInstance(
          `the metadata ${instanceHeader} names ${shown(alias)}, which is not a configured instance`,
        ),
      );
    }
    return next(request, { ...context, instance: alias });
  };
}

const unknownInstance = (message: string): StatusError =>
  new StatusError(status.INVALID_ARGUMENT, "INSTANCE_UNKNOWN", message);

/** An alias fit for an error text: it is the caller's own, but whoever reads logs must not be fooled by it. */
const shown = (alias: unknown): string =>
  typeof alias === "string" && /^[A-Za-z0-9._-]{1,64}$/.test(alias) ? `"${alias}"` : "something";
