// Builds what runs in Node: cli/ and tools/start.ts -> dist/. Does nothing when dist/ is up to date.
import { mkdirSync, rmSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath, pathToFileURL } from "node:url";
import { hashSources, upToDate } from "./hash.mjs";

const root = dirname(dirname(fileURLToPath(import.meta.url)));
const sources = ["cli", "emulator", "images", "tools", "assembly/state.ts", "package.json"];

export async function buildNode(report = console.error) {
  const stamp = join(root, "dist/node.hash");
  const hash = hashSources(root, sources);
  if (upToDate(join(root, "dist/cli.mjs"), stamp, hash)) return;

  report("building the command line (dist/cli.mjs)");
  rmSync(stamp, { force: true });
  rmSync(join(root, "dist/node"), { recursive: true, force: true });
  const { build } = await import("vite");
  await build({
    root,
    configFile: false,
    logLevel: "warn",
    publicDir: false,
    build: {
      ssr: true,
      target: "node20",
      outDir: "dist",
      emptyOutDir: false,
      sourcemap: true,
      rolldownOptions: {
        input: { cli: join(root, "cli/main.ts"), start: join(root, "tools/start.ts") },
        output: { entryFileNames: "[name].mjs", chunkFileNames: "node/[name]-[hash].mjs" },
      },
    },
  });
  mkdirSync(join(root, "dist"), { recursive: true });
  writeFileSync(stamp, `${hash}\n`);
}

if (import.meta.url === pathToFileURL(process.argv[1] ?? "").href) {
  await buildNode().catch((error) => {
    console.error(`build-node: ${error.message}`);
    process.exitCode = 1;
  });
}
