/** How an entry of the schema is written: a kind of value, and the facts about the setting. */
import * as z from "zod";
import type { ValueKind } from "./value-kinds.ts";

/** Facts about a setting, besides the check of its value. */
export interface SettingFacts {
  /** Name of the variable; absent if only the YAML file can set it. */
  readonly env: string | undefined;
  /** Whether the variable's name may be in lower case, as other programs read it. It then wins. */
  readonly isLowerCaseToo: boolean;
  /** Whether the YAML file cannot set it. */
  readonly isVariableOnly: boolean;
  /**
   * Whether the variable is the default for instances in the YAML file that leave the setting out.
   */
  readonly isShared: boolean;
  /** Describes a valid value; completes "has to be ...". */
  readonly expected: string;
  /** The default, as it would be written; absent if there is none. */
  readonly fallback: Written | undefined;
  /** A valid value; present if the setting is required. */
  readonly example: Written | undefined;
  readonly reload: ReloadEffect;
  /** The meaning of the setting, for the documentation. */
  readonly meaning: string;
  /** Converts the text of a variable to the value that YAML would give. */
  readonly fromText: (text: string) => unknown;
}

/**
 * Effect on a running gateway if the setting has changed when the configuration is read again.
 *
 * - `applied`: the new value applies, and so does the new content of the file that it names.
 * - `content`: the new content of the file applies. Another file needs a restart.
 * - `restart`: it applies after a restart.
 */
export type ReloadEffect = "applied" | "content" | "restart";

/** A value as it is written in YAML. */
export type Written = string | number | boolean | readonly string[];

declare module "zod" {
  interface GlobalMeta {
    setting?: SettingFacts;
  }
}

interface Described {
  readonly env?: string;
  readonly isLowerCaseToo?: boolean;
  readonly isShared?: boolean;
  readonly isVariableOnly?: boolean;
  /** Default: `restart`. */
  readonly reload?: ReloadEffect;
  readonly meaning: string;
  readonly fallback?: Written;
  readonly example?: Written;
}

const factsOf = <T>(kind: ValueKind<T>, described: Described): { setting: SettingFacts } => ({
  setting: {
    env: described.env,
    isLowerCaseToo: described.isLowerCaseToo ?? false,
    isVariableOnly: described.isVariableOnly ?? false,
    isShared: described.isShared ?? false,
    reload: described.reload ?? "restart",
    expected: kind.expected,
    fallback: described.fallback,
    example: described.example,
    meaning: described.meaning,
    fromText: kind.fromText,
  },
});

/** A setting with a default. */
export const setting = <T>(
  kind: ValueKind<T>,
  described: Described & { readonly fallback: Written },
): z.ZodPrefault<z.ZodType<T>> =>
  kind.schema.prefault(described.fallback).meta(factsOf(kind, described));

/** A setting without a default that must be set. */
export const requiredSetting = <T>(
  kind: ValueKind<T>,
  described: Described & { readonly example: Written },
): z.ZodType<T> => kind.schema.meta(factsOf(kind, described));

/** A setting without a default that may be absent. */
export const optionalSetting = <T>(
  kind: ValueKind<T>,
  described: Described,
): z.ZodOptional<z.ZodType<T>> => kind.schema.optional().meta(factsOf(kind, described));

/** A group of settings; all of it may be left out. */
export const group = <S extends z.ZodRawShape>(shape: S) =>
  z.preprocess((value) => value ?? {}, z.strictObject(shape));
