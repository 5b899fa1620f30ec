/** Records of key policies: creating, changing and reading them from requests. */
import { randomUUID } from "node:crypto";
import {
  booleanField,
  integerField,
  isJsonObject,
  rejectUnknownFields,
} from "../api/json-fields.ts";
import type { KeyRecord, PolicyRecord, RotationSetting } from "./record.ts";
import { rejection } from "../api/vendor-error.ts";

interface Author {
  readonly user: { readonly subject: string };
  readonly now: number;
}

function newPolicy<Setting>(setting: Setting, { user, now }: Author): PolicyRecord<Setting> {
  return {
    id: randomUUID(),
    setting,
    createdBy: user.subject,
    createdAt: now,
    updatedBy: user.subject,
    updatedAt: now,
  };
}

/** Creates a rotation policy. */
export const newRotationPolicy = (setting: RotationSetting, author: Author) =>
  newPolicy(setting, author);

/** Creates a dual-authorization policy. */
export const newDualAuthPolicy = (isEnabled: boolean, author: Author) =>
  newPolicy(isEnabled, author);

/** Creates a policy, or changes `previous`, which keeps its ID and its creator. */
export function setPolicy<Setting>(
  previous: PolicyRecord<Setting> | undefined,
  setting: Setting,
  author: Author,
): PolicyRecord<Setting> {
  if (previous === undefined) return newPolicy(setting, author);
  previous.setting = setting;
  previous.updatedBy = author.user.subject;
  previous.updatedAt = author.now;
  return previous;
}

/**
 * Reads `{"enabled"?, "interval_month"?}`. `enabled` defaults to true, the interval to its previous
 * value.
 */
export function readRotation(
  value: unknown,
  previous: RotationSetting | undefined,
  key: Pick<KeyRecord, "extractable" | "imported">,
): RotationSetting {
  if (!isJsonObject(value))
    throw rejection("BAD_BODY_ERR", { detail: "rotation is not an object" });
  rejectUnknownFields(value, ["enabled", "interval_month"]);
  if (key.extractable) {
    throw rejection("KEY_ROOT_REQ_ERR", {
      detail: "Rotation policy cannot be set on a standard key",
    });
  }
  if (key.imported) {
    throw rejection("KEY_PAYLOAD_REQ_ERR", {
      detail: "Rotation policy cannot be set on an imported key",
    });
  }
  const intervalMonths = integerField(value, "interval_month", 1, 12) ?? previous?.intervalMonths;
  const isEnabled = booleanField(value, "enabled") ?? true;
  if (intervalMonths === undefined) {
    throw rejection("BAD_BODY_ERR", { detail: "interval_month is missing" });
  }
  return { isEnabled, intervalMonths };
}
