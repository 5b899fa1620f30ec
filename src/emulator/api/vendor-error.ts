/** Errors with the texts and the format of Key Protect. */
import { STATUS_CODES } from "node:http";
import type { Profile } from "../profile.ts";
import { reasonCatalogue } from "./reasons.ts";
import type { ReasonCode } from "./reasons.ts";

/** The part of a request that caused an error. */
export interface RejectionTarget {
  readonly type: "field" | "query_param";
  readonly name: string;
}

/** Details of an error besides its reason code. */
export interface RejectionOptions {
  /** Appended to the text that the catalogue has for the code. */
  readonly detail?: string;
  /** Inserted in `errorMsg` after the status, such as the state that forbids the action. */
  readonly state?: string;
  readonly target?: RejectionTarget;
  /** Replaces the catalogue's status. */
  readonly status?: number;
}

/** A rejection of a request by Key Protect. Routes throw it; the dispatcher sends it. */
export class VendorError extends Error {
  override readonly name = "VendorError";
  readonly status: number;
  /** Absent if the service sends `errorMsg` without `reasons`. */
  readonly code: ReasonCode | undefined;
  readonly state: string | undefined;
  readonly target: RejectionTarget | undefined;

  constructor(
    status: number,
    code: ReasonCode | undefined,
    message: string,
    options: RejectionOptions = {},
  ) {
    super(message);
    this.status = status;
    this.code = code;
    this.state = options.state;
    this.target = options.target;
  }
}

/** Creates the error with reason code `code`. */
export function rejection(code: ReasonCode, options: RejectionOptions = {}): VendorError {
  const [status, text] = reasonCatalogue[code];
  const message = options.detail === undefined ? text : `${text}: ${options.detail}`;
  return new VendorError(options.status ?? status, code, message, options);
}

/** Creates the error of a body field. `rule` completes "must be: ". */
export function invalidField(name: string, rule: string): VendorError {
  return new VendorError(400, "INVALID_FIELD_ERR", `The field \`${name}\` must be: ${rule}`, {
    target: { type: "field", name },
  });
}

/** Creates the error of a query parameter. `rule` completes "must be: ". */
export function invalidQuery(name: string, rule: string): VendorError {
  return new VendorError(
    400,
    "INVALID_QUERY_PARAM_ERR",
    `The query_param '${name}' must be: ${rule}`,
    { target: { type: "query_param", name } },
  );
}

// IBM's own text for 404 has the misspelling "They".
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

/**
 * Creates an error without a reason code. Default text: the service's general text for `status`.
 */
export function plainRejection(status: number, message?: string): VendorError {
  const text =
    message ??
    plainTexts[status] ??
    "IBM Key Protect is currently unavailable. Your request could not be processed. Please try again later.";
  return new VendorError(status, undefined, text);
}

/**
 * Creates the body of an error answer. `what` names the failure, such as "Key could not be
 * created".
 */
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
