/** The example program in TypeScript against `npm run dev`. */
import { typescriptProgram } from "../interop/examples/programs.ts";
import { testProgram, usePrograms } from "../interop/examples/program-tests.ts";

testProgram(typescriptProgram, usePrograms([typescriptProgram]));
