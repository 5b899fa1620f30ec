import type { Locker } from "../../gen/keyprotect/v1/locker.ts";
import type { RetrieveLockerResponse } from "../../gen/keyprotect/v1/lockers_service.ts";
import type { LockerKeyResource, LockerResource } from "../../keyprotect/resources.ts";
import { toInt32, toTime } from "../keys/key-message.ts";

/** The message of a locker. */
export const toLocker = (resource: LockerResource): Locker => ({
  id: resource.id,
  createTime: toTime(resource.creationDate),
  expireTime: toTime(resource.expirationDate),
  maxAllowedRetrievals: toInt32(resource.maxAllowedRetrievals),
  remainingRetrievals: toInt32(resource.remainingRetrievals),
});

/** A locker with its transport key. Fields that the instance's API dialect lacks stay empty. */
export const toRetrievedLocker = (resource: LockerKeyResource): RetrieveLockerResponse => ({
  locker: toLocker(resource),
  publicKey: resource.publicKey,
  importToken: Buffer.from(resource.importToken ?? "", "utf8"),
  nonce: resource.nonce ?? Buffer.alloc(0),
});
