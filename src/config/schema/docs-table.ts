import type { SettingFacts, Written } from "./setting.ts";
import { settingList, writePath } from "./setting-list.ts";
import { configFileSetting } from "./settings.ts";

/** Generates the Markdown table of all settings from the schema. */
export function configTable(): string {
  const rows = settingList.map((setting) => [
    namesOf(setting).map(code).join(" or "),
    setting.isVariableOnly ? "" : code(writePath(setting.path)),
    setting.expected,
    setting.example === undefined ? written(setting.fallback) : "**required**",
    setting.meaning,
  ]);
  const { env, expected, meaning } = configFileSetting;
  return [
    ["Variable", "In the file", "Value", "Default", "Meaning"],
    ["---", "---", "---", "---", "---"],
    [code(env), "", expected, "", meaning],
    ...rows,
  ]
    .map((cells) => `| ${cells.map((cell) => cell.replaceAll("|", "\\|")).join(" | ")} |\n`)
    .join("");
}

const namesOf = ({ env, isLowerCaseToo }: SettingFacts): string[] =>
  env === undefined ? [] : isLowerCaseToo ? [env, env.toLowerCase()] : [env];

const code = (text: string): string => `\`${text}\``;

const written = (value: Written | undefined): string =>
  value === undefined ? "" : code(Array.isArray(value) ? value.join(",") : String(value));
