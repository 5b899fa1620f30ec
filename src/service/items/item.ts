/** One item of a call with many items: it is answered as a call of its own RPC would be. */
import { status } from "@grpc/grpc-js";
import { itemRowOf } from "../../access/item-rows.ts";
import type { ItemStatus } from "../../gen/keyprotect/v1/key_actions_service.ts";
import type { CallContext } from "../../grpc/call/call-context.ts";
import { zeroize } from "../../grpc/call/zeroize.ts";
import { parseKeyCrn } from "../../grpc/interceptors/key-crn.ts";
import type { UnaryHandler } from "../../grpc/interceptors/interceptor.ts";
import { callEndedStatus, statusErrorOf } from "../../grpc/status/call-ended-status.ts";
import { errorAt, toItemStatus } from "../../grpc/status/item-status.ts";
import { StatusError } from "../../grpc/status/status-error.ts";
import type { ServiceDeps } from "../service-deps.ts";
import { validationError } from "../validation/rules.ts";
import { waitUntilTaken, type IsPassing } from "./patience.ts";

/** A request about one key, which may be an item. */
export interface ItemRequest {
  readonly keyId: string;
}

/** The outcome of an item, as the response of the call holds it. */
export type ItemResult<Res> =
  | { readonly $case: "response"; readonly value: Res }
  | { readonly $case: "error"; readonly value: ItemStatus };

/** How the items of an RPC are answered. */
export interface ItemOptions<Req, Res> {
  /** The handler of the RPC that each item is a request of. */
  readonly handler: UnaryHandler<Req, Res>;
  /** Rejections after which an item is tried again while it has time. */
  readonly isPassing: IsPassing;
  readonly deps: Pick<ServiceDeps, "instanceIdOf" | "itemEnded" | "clock">;
}

/**
 * One item. It is answered once: by its handler or by the end of its call. A response that comes
 * after the end is zeroed.
 */
export class Item<Req extends ItemRequest, Res> {
  readonly #options: ItemOptions<Req, Res>;
  readonly #request: Req;
  readonly #call: CallContext;
  /** The context of the item's own requests. */
  readonly #context: CallContext;
  /** The answer; `undefined` until the item is answered. */
  #answer: { readonly response: Res } | StatusError | undefined;

  constructor(
    options: ItemOptions<Req, Res>,
    request: Req,
    call: CallContext,
    deadline = call.deadline,
  ) {
    this.#options = options;
    this.#request = request;
    this.#call = call;
    this.#context = {
      ...call,
      rpc: itemRowOf(call.rpc),
      deadline,
      attemptLog: { attempts: 0, httpStatus: undefined },
    };
  }

  /** Answers the item. To be called once; never rejects. */
  async run(): Promise<void> {
    const { handler, isPassing, deps } = this.#options;
    const context = this.#context;
    try {
      const request = this.#withKeyId();
      const answer = (): Promise<Res> => handler(request, context);
      const response = await waitUntilTaken(answer, isPassing, context, deps.clock);
      if (this.#answer === undefined) this.#ended({ response });
      else zeroize(response);
    } catch (error) {
      if (this.#answer === undefined) this.#ended(statusErrorOf(error, context));
    }
  }

  /** Answers the item because its call has ended. Does nothing to an answered item. */
  end(): void {
    if (this.#answer === undefined) this.#ended(callEndedStatus(this.#context));
  }

  /**
   * The result for one place in the request of the call, such as `items[3]`. To be called once per
   * place, when the item is answered; counts the item.
   */
  resultAt(place: string): ItemResult<Res> {
    const answer = this.#answer;
    if (answer === undefined) throw new Error("the item is not answered");
    if (!(answer instanceof StatusError)) {
      this.#count(status.OK, undefined);
      return { $case: "response", value: answer.response };
    }
    const error = errorAt(answer, place);
    this.#count(error.code, error);
    return { $case: "error", value: toItemStatus(error, this.#context) };
  }

  #ended(answer: { readonly response: Res } | StatusError): void {
    this.#answer = answer;
    const { attempts, httpStatus } = this.#context.attemptLog;
    const { attemptLog } = this.#call;
    attemptLog.attempts += attempts;
    attemptLog.httpStatus = httpStatus ?? attemptLog.httpStatus;
  }

  #count(code: status, error: StatusError | undefined): void {
    const items = (this.#call.attemptLog.items ??= new Map());
    const same = items.get(code);
    if (same === undefined) items.set(code, { count: 1, firstError: error });
    else same.count += 1;
    this.#options.deps.itemEnded({ context: this.#call, code, error });
  }

  /** The request with the key's ID in place of its CRN, which has to be of the call's instance. */
  #withKeyId(): Req {
    const { keyId } = this.#request;
    if (!keyId.startsWith("crn:")) return this.#request;
    const crn = parseKeyCrn(keyId);
    if (crn === undefined) throw wrongCrn("FORMAT_INVALID", "is not the CRN of a key");
    const { instanceIdOf } = this.#options.deps;
    if (crn.instanceId.toLowerCase() !== instanceIdOf(this.#call).toLowerCase()) {
      throw wrongCrn("INSTANCE_MISMATCH", "names a key of another instance than that of the call");
    }
    return { ...this.#request, keyId: crn.keyId };
  }
}

const wrongCrn = (reason: string, description: string): StatusError =>
  validationError([{ field: "key_id", reason, description }]);
