/** Selects the Key Protect instance of a call. */
import { status } from "@grpc/grpc-js";
import { StatusError } from "../status/status-error.ts";
import type { Interceptor } from "./interceptor.ts";
import { parseKeyCrn, type KeyCrn } from "./key-crn.ts";

/** The metadata key that selects the Key Protect instance. */
export const instanceHeader = "x-kp-instance";

/** Options of `createSelectInstance`. */
export interface SelectInstanceOptions {
  /** Aliases of the configured instances, and their IDs at Key Protect. */
  readonly instances: ReadonlyMap<string, { readonly instanceId: string }>;
  /** The alias for calls that name no instance; `undefined`: they are rejected. */
  readonly defaultAlias: string | undefined;
}

/**
 * Creates the interceptor that writes `instance` into the context: the alias in `x-kp-instance`, or
 * the default. Rejects with `INVALID_ARGUMENT` if the alias is not configured, the metadata holds
 * several, or it holds none and there is no default. HTTP/2 implementations drop a header whose
 * value they consider malformed, such as one with a blank at an end, so the caller of a call
 * without the header may have named an instance.
 *
 * A request may name its key by CRN, in `key_id` or `root_key_id`. The CRN names an instance too:
 * it selects that one if the metadata names none, and has to agree with the metadata otherwise. The
 * handler gets the request with the key's ID.
 */
export function createSelectInstance(options: SelectInstanceOptions): Interceptor {
  const { instances, defaultAlias } = options;
  if (defaultAlias !== undefined && !instances.has(defaultAlias)) {
    throw new Error(`the default instance ${defaultAlias} is not among the instances`);
  }

  /** The alias that the metadata names; `undefined` if it names none. */
  function namedAlias(values: readonly unknown[]): string | undefined {
    if (values.length > 1) {
      throw unknownInstance(`the metadata holds ${instanceHeader} more than once`);
    }
    const [alias] = values;
    if (alias === undefined || (typeof alias === "string" && instances.has(alias))) return alias;
    throw unknownInstance(
      `the metadata ${instanceHeader} names ${shown(alias)}, which is not a configured instance`,
    );
  }

  function aliasOfCrn(crn: KeyCrn, named: string | undefined, field: CrnField): string {
    const isOfCrn = (alias: string): boolean =>
      instances.get(alias)?.instanceId.toLowerCase() === crn.instanceId.toLowerCase();
    if (named !== undefined) {
      if (isOfCrn(named)) return named;
      throw wrongCrn(
        field,
        "INSTANCE_MISMATCH",
        `names a key of another instance than the metadata ${instanceHeader}`,
      );
    }
    const [alias, ...others] = [...instances.keys()].filter(isOfCrn);
    if (alias === undefined) {
      throw wrongCrn(
        field,
        "INSTANCE_UNKNOWN",
        "names a key of an instance that is not configured",
      );
    }
    if (others.length === 0) return alias;
    if (defaultAlias !== undefined && isOfCrn(defaultAlias)) return defaultAlias;
    throw wrongCrn(
      field,
      "INSTANCE_AMBIGUOUS",
      `names a key of an instance with several aliases; name one in the metadata ${instanceHeader}`,
    );
  }

  return (next) => async (request, context) => {
    const named = namedAlias(context.metadata.get(instanceHeader));
    const field = crnFieldOf(request);
    if (field === undefined) {
      const alias = named ?? defaultAlias;
      if (alias === undefined) throw unknownInstance(noInstanceNamed);
      context.instance = alias;
      return next(request, context);
    }
    const crn = parseKeyCrn(field.crn);
    if (crn === undefined) throw wrongCrn(field, "FORMAT_INVALID", "is not the CRN of a key");
    context.instance = aliasOfCrn(crn, named, field);
    return next({ ...request, [field.property]: crn.keyId }, context);
  };
}

/** A field of a request that names a key by a CRN, valid or not. */
interface CrnField {
  readonly name: "key_id" | "root_key_id";
  readonly property: "keyId" | "rootKeyId";
  readonly crn: string;
}

const isCrn = (value: unknown): value is string =>
  typeof value === "string" && value.startsWith("crn:");

/** The field that names the key of a request, if it does so by CRN. No request has both fields. */
function crnFieldOf(request: unknown): CrnField | undefined {
  if (typeof request !== "object" || request === null) return undefined;
  if ("keyId" in request) {
    return isCrn(request.keyId)
      ? { name: "key_id", property: "keyId", crn: request.keyId }
      : undefined;
  }
  return "rootKeyId" in request && isCrn(request.rootKeyId)
    ? { name: "root_key_id", property: "rootKeyId", crn: request.rootKeyId }
    : undefined;
}

const noInstanceNamed = `the metadata ${instanceHeader} is missing, or was dropped as malformed; there are several instances and none is the default`;

const unknownInstance = (message: string): StatusError =>
  new StatusError(status.INVALID_ARGUMENT, "INSTANCE_UNKNOWN", message);

const wrongCrn = ({ name }: CrnField, reason: string, description: string): StatusError =>
  new StatusError(status.INVALID_ARGUMENT, "REQUEST_INVALID", `${name}: ${description}`, {
    violations: [{ field: name, reason, description }],
  });

/** An alias as shown in an error text. One with other characters could forge log lines. */
const shown = (alias: unknown): string =>
  typeof alias === "string" && /^[A-Za-z0-9._-]{1,64}$/.test(alias) ? `"${alias}"` : "something";
