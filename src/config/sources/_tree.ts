import type { Path } from "../schema/setting-list.ts";

/** A mapping as it was read, not yet checked. */
export type Tree = { readonly [key: string]: unknown };

export const isTree = (value: unknown): value is Tree =>
  typeof value === "object" &&
  value !== null &&
  (Object.getPrototypeOf(value) === Object.prototype || Object.getPrototypeOf(value) === null);

/** What stands at a place; `undefined` if there is no such place. */
export const valueAt = (root: unknown, path: Path): unknown =>
  path.reduce<unknown>((value, part) => {
    if (Array.isArray(value)) return typeof part === "number" ? value[part] : undefined;
    return isTree(value) && Object.hasOwn(value, part) ? value[part] : undefined;
  }, root);

/**
 * A copy with another value at a place; `undefined` takes the place away. Mappings on the way are made; where something
 * else is in the way, the copy is the same.
 */
export function replaceAt(tree: Tree, path: Path, value: unknown): Tree {
  const [key, ...rest] = path;
  if (key === undefined) return tree;
  const { [key]: child, ...others } = tree;
  if (rest.length > 0) return { ...tree, [key]: replaceBelow(child ?? {}, rest, value) };
  return value === undefined ? others : { ...tree, [key]: value };
}

function replaceBelow(parent: unknown, path: Path, value: unknown): unknown {
  if (isTree(parent)) return replaceAt(parent, path, value);
  const [at, ...rest] = path;
  if (!Array.isArray(parent) || typeof at !== "number") return parent;
  return parent.map((item: unknown, index) =>
    index === at && rest.length > 0 ? replaceBelow(item, rest, value) : item,
  );
}
