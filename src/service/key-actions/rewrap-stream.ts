import {
  RewrapStreamOrder,
  type RewrapKeyResponse,
  type RewrapStreamItem,
  type RewrapStreamRequest,
  type RewrapStreamResponse,
} from "../../gen/keyprotect/v1/key_actions_service.ts";
import type { StreamHandler } from "../../grpc/call/streams/message-stream.ts";
import type { UnaryHandler } from "../../grpc/interceptors/interceptor.ts";
import type { FieldViolation } from "../../grpc/status/status-error.ts";
import { ItemStream, type ReadMessage } from "../items/item-stream.ts";
import type { ServiceDeps } from "../service-deps.ts";
import { itemId as itemIdRule, streamOrder } from "../validation/fields.ts";
import { check, validationError } from "../validation/rules.ts";
import { rewrapKey } from "./rewrap-key.ts";

/** About the bytes that an item takes in memory. */
const sizeOf = ({ ciphertext, additionalAuthenticatedData }: RewrapStreamItem): number =>
  additionalAuthenticatedData.reduce((bytes, text) => bytes + 2 * text.length, ciphertext.length);

const readMessage: ReadMessage<RewrapStreamRequest, RewrapStreamItem> = ({ message }, isFirst) => {
  if (message?.$case === "item") {
    const request = message.value;
    const itemId = itemIdRule(request.itemId) === undefined ? request.itemId : "";
    return { item: { request, itemId, bytes: sizeOf(request) } };
  }
  const violations: FieldViolation[] = [];
  if (message === undefined) {
    const description = "required: options or an item";
    violations.push({ field: "message", reason: "REQUIRED", description });
  } else if (!isFirst) {
    const description = "only the first message may have options";
    violations.push({ field: "options", reason: "NOT_FIRST", description });
  } else check(violations, "options.order", message.value.order, streamOrder);
  if (violations.length > 0) throw validationError(violations);
  return { isInOrder: message?.value.order !== RewrapStreamOrder.AS_ANSWERED };
};

/** Creates the handler of RewrapStream. */
export function rewrapStream(
  deps: ServiceDeps,
): StreamHandler<RewrapStreamRequest, RewrapStreamResponse> {
  const rewrap = rewrapKey(deps);
  const handler: UnaryHandler<RewrapStreamItem, RewrapKeyResponse> = async (item, context) => {
    const violations: FieldViolation[] = [];
    check(violations, "item_id", item.itemId, itemIdRule);
    if (violations.length > 0) throw validationError(violations);
    return rewrap(item, context);
  };
  const options = { handler, readMessage, times: deps.streams, deps };
  return (messages, context) => new ItemStream(options, messages, context).run();
}
