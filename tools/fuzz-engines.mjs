// Runs the differential fuzzer (test/core/engines/) for as long as wanted, and prints the first divergence.
//   node tools/fuzz-engines.mjs [--seed 1] [--instructions 10000000] [--only THRESHOLD]
// --only runs the one program of --seed, at a threshold, and says what it does.
import { dirname } from "node:path";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import { createServer } from "vite";
import { buildCore } from "./build-core.mjs";

const { values } = parseArgs({
  options: {
    seed: { type: "string", default: "1" },
    instructions: { type: "string", default: "10000000" },
    only: { type: "string" },
  },
});
const root = dirname(dirname(fileURLToPath(import.meta.url)));
await buildCore();
const vite = await createServer({
  root,
  configFile: false,
  logLevel: "warn",
  server: { middlewareMode: true, ws: false },
});
const { fuzz, explain, programLength } = await vite.ssrLoadModule("/test/core/engines/fuzz.ts");
const { makeProgram } = await vite.ssrLoadModule("/test/core/engines/program.ts");

/** Printed after each so many instructions. */
const STEP = 1_000_000;
const seed = Number(values.seed);
if (values.only !== undefined) console.log(explain(makeProgram(seed, programLength(seed)), Number(values.only)));
else {
  let done = 0;
  let translated = 0;
  let next = seed;
  while (done < Number(values.instructions)) {
    const report = fuzz(next, Math.min(STEP, Number(values.instructions) - done));
    done += report.instructions;
    translated += report.translated;
    next += report.programs;
    if (report.divergence !== undefined) {
      console.log(report.divergence);
      process.exitCode = 1;
      break;
    }
    console.log(`seeds ${seed} to ${next - 1}: ${done} instructions, ${translated} by translated code, no divergence`);
  }
}
await vite.close();
