/** The part of `npm run build` that the compiler does not do: files that are no TypeScript. */
import { join } from "node:path";
import { copyConsoleAssets } from "./console-assets.ts";
import { repositoryRoot } from "./run.ts";

copyConsoleAssets(join(repositoryRoot, "dist", "console", "assets"));
