/** `npm run bundle`: writes the bundle into the folder `bundle`, or into the one that is given. */
import { join } from "node:path";
import { repositoryRoot } from "../run.ts";
import { bundle } from "./bundle.ts";

const [folder = join(repositoryRoot, "bundle")] = process.argv.slice(2);
const { packages } = await bundle(folder);
console.log(`${folder}: the gateway with ${packages.length} packages`);
