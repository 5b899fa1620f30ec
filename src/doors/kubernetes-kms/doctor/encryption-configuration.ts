/** Reads the API server's EncryptionConfiguration, as far as it is about KMS. */
import { z } from "zod";
import { loadYaml } from "../../../config/sources/yaml.ts";
import type { Finding } from "./finding.ts";

/** A KMS provider. */
export interface KmsProvider {
  /** Place in the file, such as `resources[0].providers[1].kms`. */
  readonly at: string;
  readonly apiVersion: string | undefined;
  readonly name: string;
  readonly endpoint: string;
  /** As written; absent: 3 s. */
  readonly timeout: string | undefined;
  readonly hasCacheSize: boolean;
}

/** The providers of some resources, in their order: the first one encrypts. */
export interface ProviderList {
  /** Place in the file, such as `resources[0]`. */
  readonly at: string;
  readonly resources: readonly string[];
  readonly providers: readonly (KmsProvider | { readonly other: string })[];
}

const kms = z.looseObject({
  apiVersion: z.string().optional(),
  name: z.string().default(""),
  endpoint: z.string().default(""),
  timeout: z.string().optional(),
  cachesize: z.unknown().optional(),
});
const provider = z.record(z.string(), z.unknown());
const shape = z.looseObject({
  apiVersion: z.string(),
  kind: z.literal("EncryptionConfiguration"),
  resources: z.array(
    z.looseObject({ resources: z.array(z.string()).min(1), providers: z.array(provider).min(1) }),
  ),
});

function toProvider(
  written: z.output<typeof provider>,
  at: string,
): KmsProvider | { other: string } {
  if (!("kms" in written)) return { other: Object.keys(written).join() };
  const { apiVersion, name, endpoint, timeout, cachesize } = kms.parse(written["kms"] ?? {});
  const hasCacheSize = cachesize !== undefined;
  return { at: `${at}.kms`, apiVersion, name, endpoint, timeout, hasCacheSize };
}

const problemAt = (at: string, what: string) => ({
  problem: { level: "problem", at, what } as const,
});

/**
 * Parses the text of the file. If its form is wrong, returns what is wrong. The texts contain no
 * values, because other providers of the file hold keys.
 */
export function parseEncryptionConfiguration(
  text: string,
): readonly ProviderList[] | { readonly problem: Finding } {
  let tree: unknown;
  try {
    const document = loadYaml().parseDocument(text, { prettyErrors: false, logLevel: "error" });
    if (document.errors.length > 0) return problemAt("file", "is not valid YAML");
    tree = document.toJS({ maxAliasCount: 20 });
  } catch {
    return problemAt("file", "is not valid YAML");
  }
  try {
    return shape.parse(tree).resources.map(({ resources, providers }, index) => {
      const at = `resources[${index}]`;
      return {
        at,
        resources,
        providers: providers.map((each, of) => toProvider(each, `${at}.providers[${of}]`)),
      };
    });
  } catch (error) {
    if (!(error instanceof z.ZodError)) throw error;
    const path = error.issues[0]?.path.join(".") ?? "";
    return problemAt(
      path === "" ? "file" : path,
      "is not what an EncryptionConfiguration has here",
    );
  }
}
