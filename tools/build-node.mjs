// Builds what runs in Node: cli/ and tools/start.ts -> dist/. Does nothing when dist/ is up to date.
import { mkdirSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { dirname, join, relative } from "node:path";
import { fileURLToPath, pathToFileURL } from "node:url";
import { hashSources, upToDate } from "./hash.mjs";

const root = dirname(dirname(fileURLToPath(import.meta.url)));
const sources = ["cli", "emulator", "images", "test/bench", "tools", "assembly/state.ts", "package.json"];

/** In the bundle, too, a module's import.meta.url is its source's: it names files of the checkout relative to that. */
const sourceUrls = {
  name: "hypertab-source-urls",
  enforce: "pre",
  transform(code, id) {
    if (!id.startsWith(root) || id.includes("node_modules") || !code.includes("import.meta.url")) return undefined;
    const source = relative(join(root, "dist"), id);
    const url = `new URL(${JSON.stringify(source)}, import.meta.url).href`;
    return { code: code.replaceAll("import.meta.url", url), map: null };
  },
};

export async function buildNode(report = console.error) {
  const stamp = join(root, "dist/node.hash");
  const hash = hashSources(root, sources);
  if (upToDate(join(root, "dist/cli.mjs"), stamp, hash)) return;

  report("building the command line (dist/cli.mjs)");
  rmSync(stamp, { force: true });
  const outDir = join(root, "dist");
  mkdirSync(outDir, { recursive: true });
  for (const file of readdirSync(outDir)) if (/\.mjs(\.map)?$/.test(file)) rmSync(join(outDir, file));
  const { build } = await import("vite");
  await build({
    root,
    configFile: false,
    logLevel: "warn",
    publicDir: false,
    plugins: [sourceUrls],
    // CommonJS packages among them have named exports only for a bundler.
    ssr: { noExternal: ["fflate", "fzstd", "xz-decompress"] },
    build: {
      ssr: true,
      target: "node20",
      outDir,
      emptyOutDir: false,
      sourcemap: true,
      rolldownOptions: {
        input: {
          cli: join(root, "cli/main.ts"),
          start: join(root, "tools/start.ts"),
          "indexeddb-chunks": join(root, "test/bench/indexeddb-chunks.ts"),
          "bench-v86": join(root, "test/bench/emulators/v86-node.ts"),
        },
        output: { entryFileNames: "[name].mjs", chunkFileNames: "[name]-[hash].mjs" },
      },
    },
  });
  writeFileSync(stamp, `${hash}\n`);
}

if (import.meta.url === pathToFileURL(process.argv[1] ?? "").href) {
  await buildNode().catch((error) => {
    console.error(`build-node: ${error.message}`);
    process.exitCode = 1;
  });
}
