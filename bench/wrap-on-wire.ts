/** The wrap of the bench as bytes. */
import {
  KeyActionsServiceService,
  WrapKeyRequest,
  WrapKeyResponse,
} from "../src/gen/keyprotect/v1/key_actions_service.ts";
import { wrapRequest, wrapResponse } from "./canned.ts";
import { transcodedWrap } from "./envoy/transcoded-wrap.ts";
import type { WrapServer } from "./messages.ts";

/** A method, the message to it and the only right answer. */
export interface WrapOnWire {
  readonly path: string;
  readonly request: Uint8Array;
  readonly response: Uint8Array;
}

/** Returns the wrap of a contract. */
export function wrapOnWire(contract: WrapServer["contract"]): WrapOnWire {
  if (contract === "transcoded") return transcodedWrap();
  return {
    path: KeyActionsServiceService.wrapKey.path,
    request: WrapKeyRequest.encode(wrapRequest).finish(),
    response: WrapKeyResponse.encode(wrapResponse).finish(),
  };
}
