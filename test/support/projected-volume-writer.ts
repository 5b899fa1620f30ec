/** A process that replaces the token in the folder of its argument until it is killed. */
import { createProjectedVolume } from "./projected-volume.ts";

const volume = createProjectedVolume(process.argv[2] ?? "");
volume.write("token-0");
process.stdout.write(volume.path, () => {
  for (let version = 1; ; version += 1) volume.write(`token-${version}`);
});
