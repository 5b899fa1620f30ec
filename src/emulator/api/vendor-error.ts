/** Refusals in the words and the shape of Key Protect. */
import { STATUS_CODES } from "node:http";
import type { Profile } from "../profile.ts";
import { reasonCatalogue } from "./reasons.ts";
import type { ReasonCode } from "./reasons.ts";

/** The part of a request that a refusal points at. */
export interface RefusalTarget {
  readonly type: "field" | "query_param";
  readonly name: string;
}

/** What a refusal says beyond its code. */
export interface RefusalOptions {
  /** Follows the catalogue's text of the code. */
  readonly detail?: string;
  /** Stands between the status and what could not be done, such as the state that is in the way. */
  readonly state?: string;
  readonly target?: RefusalTarget;
  /** Replaces the catalogue's status. */
  readonly status?: number;
}

/** An answer that Key Protect refuses a request with. */
export class VendorError extends Error {
  override readonly name = "VendorError";
  readonly status: number;
  /** Absent where the service gives `errorMsg` alone. */
  readonly code: ReasonCode | undefined;
  readonly state: string | undefined;
  readonly target: RefusalTarget | undefined;

  constructor(
    status: number,
    code: ReasonCode | undefined,
    message: string,
    options: RefusalOptions = {},
  ) {
    super(message);
    this.status = status;
    this.code = code;
    this.state = options.state;
    this.target = options.target;
  }
}

/** Creates the refusal with reason code `code`. */
export function refusal(code: ReasonCode, options: RefusalOptions = {}): VendorError {
  const [status, text] = reasonCatalogue[code];
  const message = options.detail === undefined ? text : `${text}: ${options.detail}`;
  return new VendorError(options.status ?? status, code, message, options);
}

/** Creates the refusal of a body field: `rule` completes "must be: ". */
export function invalidField(name: string, rule: string): VendorError {
  return new VendorError(400, "INVALID_FIELD_ERR", `The field \`${name}\` must be: ${rule}`, {
    target: { type: "field", name },
  });
}

/** Creates the refusal of a query parameter: `rule` completes "must be: ". */
export function invalidQuery(name: string, rule: string): VendorError {
  return new VendorError(
    400,
    "INVALID_QUERY_PARAM_ERR",
    `The query_param '${name}' must be: ${rule}`,
    { target: { type: "query_param", name } },
  );
}

// The misspelling in the text for 404 is the vendor's.
const plainTexts: Readonly<Record<number, string>> = {
  400: "The key is missing a required field.",
  401: "Either the user does not have access to the specified resource, the resource does not exist, or the region is incorrectly set",
  403: "Your IBM Cloud access token is not authorized to access this resource.",
  404: "They key could not be found.",
  409: "The key is not in an active state, so any KeyAction will fail. Check the key's nonactiveStateReason to understand how to proceed.",
  410: "The requested key was previously deleted and is no longer available. Please delete references to this key.",
  422: "The ciphertext provided for the unwrap operation was not wrapped by this key.",
  429: "Please wait a few minutes and try again.",
};

/** Creates the refusal that carries no reason code, with the service's general text for `status` unless `message` is given. */
export function plainRefusal(status: number, message?: string): VendorError {
  const text =
    message ??
    plainTexts[status] ??
    "IBM Key Protect is currently unavailable. Your request could not be processed. Please try again later.";
  return new VendorError(status, undefined, text);
}

/** Renders the body of a refusal. `what` says what could not be done, such as "Key could not be created". */
export function errorBody(error: VendorError, what: string, profile: Profile): object {
  const statusText = STATUS_CODES[error.status] ?? "Error";
  const metadata = { collectionType: "application/vnd.ibm.kms.error+json", collectionTotal: 1 };
  if (error.code === undefined || profile.errorStyle === "text") {
    const usesGeneralText =
      error.code === "KEY_ACTION_INVALID_STATE_ERR" ||
      (error.code !== undefined && [404, 410, 422].includes(error.status));
    const text = usesGeneralText ? (plainTexts[error.status] ?? error.message) : error.message;
    return { metadata, resources: [{ errorMsg: `${statusText}: ${text}` }] };
  }
  const state = error.state === undefined ? "" : `${error.state}: `;
  const reason = {
    code: error.code,
    message: error.message,
    status: error.status,
    moreInfo: "https://cloud.ibm.com/apidocs/key-protect",
    target: error.target,
  };
  const errorMsg = `${statusText}: ${state}${what}: Please see \`reasons\` for more details (${error.code})`;
  return { metadata, resources: [{ errorMsg, reasons: [reason] }] };
}
