/** A folder with a YAML configuration and the files that it names, as a test changes them. */
import { mkdtemp, rename, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { stringify } from "yaml";

/** The folder. Disposing of it removes it. */
export interface ConfigFolder extends AsyncDisposable {
  /** Path of the YAML file. */
  readonly yaml: string;
  pathOf(name: string): string;
  /** Replaces a file by a rename, so that nobody sees it half written. */
  write(name: string, text: string): Promise<void>;
  /** Replaces the YAML file by these settings. */
  configure(settings: object): Promise<void>;
}

/** Creates the folder with files of these texts. */
export async function createConfigFolder(
  settings: object,
  files: Readonly<Record<string, string>> = {},
): Promise<ConfigFolder> {
  const folder = await mkdtemp(join(tmpdir(), "gateway-config-"));
  const pathOf = (name: string): string => join(folder, name);
  const write = async (name: string, text: string): Promise<void> => {
    await writeFile(pathOf(`${name}.new`), text);
    await rename(pathOf(`${name}.new`), pathOf(name));
  };
  const configure = (next: object): Promise<void> => write("gateway.yaml", stringify(next));
  for (const [name, text] of Object.entries(files)) await write(name, text);
  await configure(settings);
  return {
    yaml: pathOf("gateway.yaml"),
    pathOf,
    write,
    configure,
    [Symbol.asyncDispose]: () => rm(folder, { recursive: true, force: true }),
  };
}
