// `npm test`: builds everything, then checks types and style and runs all tests; the last line counts what it did.
// `npm test -- unit core` runs the tests of these vitest projects only.
import { spawnSync } from "node:child_process";
import { existsSync, mkdirSync, readFileSync, rmSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { buildCore } from "./build-core.mjs";
import { buildNode } from "./build-node.mjs";
import { provide } from "./test-programs.mjs";
import { countTests, summaryLine } from "./test-summary.mjs";

const root = dirname(dirname(fileURLToPath(import.meta.url)));
const results = join(root, "test-results");
const strict = process.env["CI"] === "true";
const total = { passed: 0, failed: 0, skipped: 0 };
/** In this order; those with whole guests one after the other, so that they do not starve each other. */
const projects = ["unit", "core", "guests", "browser"];
const wanted = process.argv.slice(2);

function count(name, passed, failed, skipped = 0) {
  total.passed += passed;
  total.failed += failed;
  total.skipped += skipped;
  console.log(`== ${name}: ${summaryLine({ passed, failed, skipped })}`);
}

/** One program, by its name in node_modules/.bin; it passes by ending with 0. */
function check(name, program, args) {
  const { status } = npmProgram(program, args);
  count(name, status === 0 ? 1 : 0, status === 0 ? 0 : 1);
}

function npmProgram(program, args) {
  return spawnSync(join(root, "node_modules/.bin", program), args, { cwd: root, stdio: "inherit" });
}

async function step(name, action) {
  try {
    await action();
    count(name, 1, 0);
    return true;
  } catch (error) {
    console.error(error.message);
    count(name, 0, 1);
    return false;
  }
}

function runProject(name) {
  const file = join(results, `${name}.json`);
  rmSync(file, { force: true });
  const reporters = ["--reporter=default", "--reporter=json", `--outputFile.json=${file}`];
  const { status } = npmProgram("vitest", ["run", "--project", name, "--passWithNoTests", ...reporters]);
  const report = existsSync(file) ? JSON.parse(readFileSync(file, "utf8")) : undefined;
  const { passed, failed, skipped } = countTests(report, status);
  // Where everything must be there, a test that did not run is a test that failed.
  if (strict && skipped > 0) console.log(`${name}: ${skipped} tests were skipped, which counts as failed with CI=true`);
  count(name, passed, failed + (strict ? skipped : 0), strict ? 0 : skipped);
}

const unknown = wanted.find((name) => !projects.includes(name));
if (unknown !== undefined) {
  console.error(`test: there are no tests '${unknown}'; there are ${projects.join(", ")}`);
  process.exit(2);
}
mkdirSync(results, { recursive: true });

const built =
  (await step("build the core", () => buildCore())) && (await step("build the command line", () => buildNode()));
check("build the page", "vite", ["build", "--logLevel", "warn"]);
if (wanted.length === 0) {
  check("types", "tsc", ["-p", "."]);
  check("types of the page", "tsc", ["-p", "web"]);
  check("lint", "eslint", ["."]);
  check("format", "prettier", ["--check", "--log-level", "warn", "."]);
}
const missing = provide(console.log);
for (const { path, without, reason } of missing) {
  console.log(`${path} is missing, so ${without} cannot be tested: ${reason}`);
  count(path, 0, strict ? 1 : 0, strict ? 0 : 1);
}
if (built) for (const name of projects) if (wanted.length === 0 || wanted.includes(name)) runProject(name);

console.log(summaryLine(total));
process.exitCode = total.failed > 0 ? 1 : 0;
