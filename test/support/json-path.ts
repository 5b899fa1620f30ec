/** The text at a path of JSON, such as `.key.id`. Throws if there is none. */
export function textAt(json: unknown, path: string): string {
  let value = json;
  for (const name of path.slice(1).split(".")) {
    value = typeof value === "object" && value !== null ? Reflect.get(value, name) : undefined;
  }
  if (typeof value !== "string") throw new Error(`there is no text at ${path}`);
  return value;
}
