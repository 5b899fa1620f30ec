import type { ReloadEffect, SettingFacts, Written } from "./setting.ts";
import { settingList, writePath } from "./setting-list.ts";
import { configFileSetting } from "./settings.ts";

/** Generates the Markdown table of all settings from the schema. */
export function configTable(): string {
  const rows = settingList.map((setting) => [
    namesOf(setting).map(code).join(" or "),
    setting.isVariableOnly ? "" : code(writePath(setting.path)),
    setting.expected,
    setting.example === undefined ? written(setting.fallback) : "**required**",
    reloadWords[setting.reload],
    setting.meaning,
  ]);
  const { env, expected, meaning } = configFileSetting;
  return [
    ["Variable", "In the file", "Value", "Default", "Reload", "Meaning"],
    ["---", "---", "---", "---", "---", "---"],
    [code(env), "", expected, "", "content", meaning],
    ...rows,
  ]
    .map((cells) => `| ${cells.map((cell) => cell.replaceAll("|", "\\|")).join(" | ")} |\n`)
    .join("");
}

/** The effects of a reload in the words that docs/configuration.md explains. */
const reloadWords: Readonly<Record<ReloadEffect, string>> = {
  applied: "yes",
  content: "content",
  restart: "no",
};

const namesOf = ({ env, isLowerCaseToo }: SettingFacts): string[] =>
  env === undefined ? [] : isLowerCaseToo ? [env, env.toLowerCase()] : [env];

const code = (text: string): string => `\`${text}\``;

const written = (value: Written | undefined): string =>
  value === undefined ? "" : code(Array.isArray(value) ? value.join(",") : String(value));
