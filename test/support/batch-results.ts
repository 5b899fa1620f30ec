/** Reads the results of calls with many items. */
import { status } from "@grpc/grpc-js";
import type { ItemStatus } from "../../src/gen/keyprotect/v1/key_actions_service.ts";
import { decodedDetails, type StatusDetailsSeen } from "./status-details.ts";

/** The outcome of an item as a response holds it. */
interface Outcome<Res> {
  readonly outcome?:
    | { readonly $case: "response"; readonly value: Res }
    | { readonly $case: "error"; readonly value: ItemStatus }
    | undefined;
}

/** A failed item. */
export interface ItemFailure extends StatusDetailsSeen {
  /** Name of the status, such as `NOT_FOUND`. */
  readonly code: string;
  readonly reason: string;
  readonly message: string;
  /** Paths of the invalid fields. */
  readonly fields: readonly string[];
}

/** The response of an item. Throws if it failed. */
export function responseOf<Res>({ outcome }: Outcome<Res>): Res {
  if (outcome?.$case !== "response") {
    throw new Error(`the item failed: ${outcome?.value.message ?? "no outcome"}`);
  }
  return outcome.value;
}

/** The error of an item. Throws if it succeeded. */
export function failureOf({ outcome }: Outcome<unknown>): ItemFailure {
  if (outcome?.$case !== "error") throw new Error("the item was expected to fail");
  const { code, message, details } = outcome.value;
  const seen = decodedDetails(details);
  return {
    ...seen,
    code: status[code] ?? "no such status",
    reason: seen.errorInfo?.reason ?? "",
    message,
    fields: seen.badRequest?.fieldViolations.map(({ field }) => field) ?? [],
  };
}

/** Each item as `OK` or the reason of its error. */
export const outcomesOf = (results: readonly Outcome<unknown>[]): string[] =>
  results.map((result) => (result.outcome?.$case === "response" ? "OK" : failureOf(result).reason));
