import type { Dialect } from "./dialect.ts";
import type { ImportedMaterial } from "../resources.ts";

/** The fields of a request that bring key material along. Throws `UNSUPPORTED` for material the dialect cannot take. */
export function materialFields(
  material: ImportedMaterial,
  dialect: Dialect,
): Readonly<Record<string, string>> {
  const payload = material.payload.toString("base64");
  return material.kind === "plain"
    ? { payload }
    : { payload, ...dialect.encryptionFields(material) };
}
