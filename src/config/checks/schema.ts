/** Checks the tree against the schema. The texts about problems contain no values. */
import type { z } from "zod";
import { nearestName, suggest } from "../sources/environment.ts";
import { isOpenIfAbsent } from "../schema/open-if-absent.ts";
import { namesBelow, type Path, settingAt } from "../schema/setting-list.ts";
import { type Settings, settings } from "../schema/settings.ts";
import { replaceAt, type Tree, valueAt } from "../sources/yaml.ts";

/** A problem at one place of the tree. */
export interface SettingFinding {
  readonly path: Path;
  readonly what: string;
}

/** Result of the check. */
export interface SchemaCheck {
  readonly findings: readonly SettingFinding[];
  /**
   * The settings. A wrong value is replaced by its default or example, or removed, so that the
   * rules between settings can be checked in the same run. Their findings about such places are
   * meaningless.
   */
  readonly settings: Settings;
}

/** Checks every value of the tree. */
export function checkSchema(tree: Tree): SchemaCheck {
  const first = settings.safeParse(tree);
  if (first.success) return { findings: [], settings: first.data };
  const findings = first.error.issues.flatMap((issue) => toFindings(issue, tree));
  const mended = settings.safeParse(findings.reduce(mend, tree));
  if (mended.success) return { findings, settings: mended.data };
  const rest = findings.reduce<Tree>(
    (left, { path }) => replaceAt(left, path.slice(0, 1), undefined),
    tree,
  );
  return { findings, settings: settings.parse(rest) };
}

function toFindings(issue: z.core.$ZodIssue, tree: Tree): SettingFinding[] {
  const path = issue.path.map((part) => (typeof part === "symbol" ? String(part) : part));
  if (valueAt(tree, path) === null && isOpenIfAbsent(path)) {
    const what = "has no value, and doing without it opens something; set it or remove its name";
    return [{ path, what }];
  }
  const setting = settingAt(path);
  if (setting !== undefined) {
    const isMissing = setting.path.length === path.length && valueAt(tree, path) === undefined;
    return [{ path, what: `${isMissing ? "is missing; it " : ""}has to be ${setting.expected}` }];
  }
  if (issue.code === "unrecognized_keys") {
    const known = namesBelow(path);
    return issue.keys.map((key) => ({
      path: [...path, key],
      what: `there is no such setting${suggest(nearestName(key, known))}`,
    }));
  }
  if (issue.code === "too_small") return [{ path, what: "has to list at least one" }];
  if (issue.code === "too_big")
    return [{ path, what: `has to list at most ${String(issue.maximum)}` }];
  const names = namesBelow([...path, 0]);
  const isList = names.length > 0;
  const shape = isList ? "a list of mappings" : "a mapping";
  return [
    { path, what: `has to be ${shape} with ${(isList ? names : namesBelow(path)).join(", ")}` },
  ];
}

/** Replaces a wrong value by its example, or removes it so that the default applies. */
function mend(tree: Tree, { path }: SettingFinding): Tree {
  const setting = settingAt(path);
  return setting === undefined
    ? replaceAt(tree, path, undefined)
    : replaceAt(tree, path.slice(0, setting.path.length), setting.example);
}
