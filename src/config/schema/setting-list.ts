/** The settings of the schema as a list, and their places in the YAML file. */
import * as z from "zod";
import type { SettingFacts } from "./setting.ts";
import { settings } from "./settings.ts";

/** Place of a value in the YAML file. */
export type Path = readonly (string | number)[];

/** A setting and its place; `[]` means any item of a list. */
export interface SettingEntry extends SettingFacts {
  readonly path: readonly string[];
}

function collect(schema: z.core.$ZodType, path: readonly string[]): SettingEntry[] {
  const facts = z.globalRegistry.get(schema)?.setting;
  if (facts !== undefined) return [{ ...facts, path }];
  if (schema instanceof z.ZodOptional) return collect(schema.unwrap(), path);
  if (schema instanceof z.ZodPipe) return collect(schema.out, path);
  if (schema instanceof z.ZodArray) return collect(schema.element, [...path, "[]"]);
  if (!(schema instanceof z.ZodObject)) return [];
  return Object.entries(schema.shape).flatMap(([key, child]) => collect(child, [...path, key]));
}

/** Every setting of the schema, in its order. */
export const settingList: readonly SettingEntry[] = collect(settings, []);

/**
 * Formats a path, for example `instances[1].serviceUrl`. A part that cannot be a name becomes `…`.
 */
export const writePath = (path: Path): string =>
  path.reduce<string>((text, part) => {
    if (typeof part === "number") return `${text}[${part}]`;
    if (part === "[]") return `${text}[]`;
    const name = /^[\w.-]{1,64}$/.test(part) ? part : "…";
    return text === "" ? name : `${text}.${name}`;
  }, "");

const matches = (entry: SettingEntry, path: Path): boolean =>
  entry.path.length <= path.length &&
  entry.path.every(
    (part, at) => part === path[at] || (part === "[]" && typeof path[at] === "number"),
  );

/** Returns the setting at `path`, or the one that contains it. */
export const settingAt = (path: Path): SettingEntry | undefined =>
  settingList.find((entry) => matches(entry, path));

/** Returns the names that are allowed directly below `path` in the file. */
export function namesBelow(path: Path): string[] {
  const names = settingList.flatMap((entry) => {
    const isBelow = path.every(
      (part, at) =>
        part === entry.path[at] || (typeof part === "number" && entry.path[at] === "[]"),
    );
    const name = entry.path[path.length];
    return isBelow && !entry.isVariableOnly && name !== undefined && name !== "[]" ? [name] : [];
  });
  return [...new Set(names)];
}
