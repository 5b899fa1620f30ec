import { z } from "zod";
import type { ValueKind } from "./value-kinds.ts";

/** What is known of a setting besides how its value is checked. */
export interface SettingFacts {
  /** Name of the variable; absent for what only the YAML file can say. */
  readonly env: string | undefined;
  /** Whether the YAML file cannot hold it. */
  readonly isVariableOnly: boolean;
  /** Whether the variable also speaks for those instances of the YAML file that leave the setting out. */
  readonly isShared: boolean;
  /** What the value has to be. */
  readonly expected: string;
  /** What holds if nothing is set, as it would be written; absent if there is no such value. */
  readonly fallback: Written | undefined;
  /** Present where the value has to be set: a value that would be right. */
  readonly example: Written | undefined;
  /** What the setting does; for humans. */
  readonly meaning: string;
  readonly fromText: (text: string) => unknown;
}

/** A value as it is written in YAML. */
export type Written = string | number | boolean | readonly string[];

declare module "zod" {
  interface GlobalMeta {
    setting?: SettingFacts;
  }
}

interface Described {
  readonly env?: string;
  readonly isShared?: boolean;
  readonly isVariableOnly?: boolean;
  readonly meaning: string;
  readonly fallback?: Written;
  readonly example?: Written;
}

const factsOf = <T>(kind: ValueKind<T>, described: Described): { setting: SettingFacts } => ({
  setting: {
    env: described.env,
    isVariableOnly: described.isVariableOnly ?? false,
    isShared: described.isShared ?? false,
    expected: kind.expected,
    fallback: described.fallback,
    example: described.example,
    meaning: described.meaning,
    fromText: kind.fromText,
  },
});

/** A setting that has a value even if nobody sets it. */
export const setting = <T>(
  kind: ValueKind<T>,
  described: Described & { readonly fallback: Written },
): z.ZodPrefault<z.ZodType<T>> =>
  kind.schema.prefault(described.fallback).meta(factsOf(kind, described));

/** A setting that has to be set. */
export const requiredSetting = <T>(
  kind: ValueKind<T>,
  described: Described & { readonly example: Written },
): z.ZodType<T> => kind.schema.meta(factsOf(kind, described));

/** A setting that may be absent. */
export const optionalSetting = <T>(
  kind: ValueKind<T>,
  described: Described,
): z.ZodOptional<z.ZodType<T>> => kind.schema.optional().meta(factsOf(kind, described));

/** Settings that belong together, all of which may be left out. */
export const group = <S extends z.ZodRawShape>(shape: S) =>
  z.preprocess((value) => value ?? {}, z.strictObject(shape));
