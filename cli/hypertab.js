#!/usr/bin/env node
// The launcher: in a checkout it first builds what is missing or stale, then it runs the command line.
import { existsSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath, pathToFileURL } from "node:url";

const root = dirname(dirname(fileURLToPath(import.meta.url)));

try {
  if (existsSync(join(root, "assembly/index.ts"))) {
    const { buildCore } = await import("../tools/build-core.mjs");
    const { buildNode } = await import("../tools/build-node.mjs");
    await buildCore();
    await buildNode();
  }
} catch (error) {
  console.error(`hypertab: cannot build: ${error.message}`);
  process.exit(1);
}

const { main } = await import(pathToFileURL(join(root, "dist/cli.mjs")).href);
process.exitCode = await main(process.argv.slice(2));
