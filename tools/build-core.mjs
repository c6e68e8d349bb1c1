// Builds the CPU core: assembly/ -> build/core.wasm. Does nothing when that file is up to date.
import { mkdirSync, rmSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath, pathToFileURL } from "node:url";
import { hashSources, upToDate } from "./hash.mjs";

const root = dirname(dirname(fileURLToPath(import.meta.url)));
const output = "build/core.wasm";

/** The compiler's options. Linear memory belongs to the host; the core's own data starts above the CPU state. */
const options = [
  ...["--runtime", "stub"],
  ...["--importMemory", "--exportTable"],
  ...["-O3", "--noAssert"],
  // Decimal: asc reads 0x10000 as 0 and says nothing.
  ...["--initialMemory", "1024", "--maximumMemory", "65536"],
  ...["--memoryBase", "65536"],
  ...["--enable", "simd"],
  // Vectors pass between functions of the core only, never to the host.
  ...["--disableWarning", "112"],
  // Vectors pass between functions of the core only.
  ...["--disableWarning", "112"],
];

export async function buildCore(report = console.error) {
  const stamp = join(root, "build/core.hash");
  const hash = hashSources(root, ["assembly", "tools/build-core.mjs", "node_modules/assemblyscript/package.json"]);
  if (upToDate(join(root, output), stamp, hash)) return;

  report("building the CPU core (build/core.wasm)");
  // Without a stamp, a build that is broken off here is done again next time.
  rmSync(stamp, { force: true });
  mkdirSync(join(root, "build"), { recursive: true });
  const { default: asc } = await import("assemblyscript/asc");
  const { error, stdout, stderr } = await asc.main(["assembly/index.ts", ...options, "-o", output, "--baseDir", root]);
  const messages = `${stdout.toString()}${stderr.toString()}`.trim();
  if (messages) report(messages);
  if (error) throw new Error(`the core does not compile: ${error.message}`);
  writeFileSync(stamp, `${hash}\n`);
}

if (import.meta.url === pathToFileURL(process.argv[1] ?? "").href) {
  await buildCore().catch((error) => {
    console.error(`build-core: ${error.message}`);
    process.exitCode = 1;
  });
}
