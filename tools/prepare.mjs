// npm's `prepare`: after `npm ci` everything that the command line needs is built.
import { buildCore } from "./build-core.mjs";
import { buildNode } from "./build-node.mjs";

try {
  await buildCore();
  await buildNode();
} catch (error) {
  console.error(`prepare: ${error.message}`);
  process.exitCode = 1;
}
