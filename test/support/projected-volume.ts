/** A projected volume of Kubernetes, written as the kubelet does. */
import { mkdirSync, renameSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";

/** A volume with the file `sa-token`. */
export interface ProjectedVolume {
  /** Path of the file: a symbolic link into the folder that `..data` leads to. */
  readonly path: string;
  /** Replaces the content: a new folder, a renamed symbolic link, and the old folder is removed. */
  write(text: string): void;
}

/** Creates an empty volume in an existing folder. */
export function createProjectedVolume(folder: string): ProjectedVolume {
  const path = join(folder, "sa-token");
  symlinkSync(join("..data", "sa-token"), path);
  let version = 0;
  return {
    path,
    write(text) {
      version += 1;
      const data = `..2026_${version}`;
      mkdirSync(join(folder, data));
      writeFileSync(join(folder, data, "sa-token"), text);
      symlinkSync(data, join(folder, "..data_tmp"));
      renameSync(join(folder, "..data_tmp"), join(folder, "..data"));
      rmSync(join(folder, `..2026_${version - 1}`), { recursive: true, force: true });
    },
  };
}
