// `npm start`: gets a guest, builds the page and serves both.
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { build, preview } from "vite";
import { oneLine } from "../cli/errors";
import { parse, wholeNumber } from "../cli/options";
import { getGuest, listGuests } from "../images/catalog";
import { guestFiles } from "./guest-files";

const root = join(dirname(fileURLToPath(import.meta.url)), "..");
const say = (line: string): void => void process.stdout.write(`${line}\n`);

/** The first guest that can be got, in the catalog's order. */
async function firstGuest(): Promise<string> {
  for (const { name } of listGuests()) {
    try {
      await getGuest(name, { progress: (line) => say(`  ${line}`) });
      say(`guest: ${name}`);
      return name;
    } catch (error) {
      say(`guest: not ${name}: ${oneLine(error)}`);
    }
  }
  throw new Error("no guest could be got; the lines above say why");
}

async function start(argv: readonly string[]): Promise<void> {
  const args = parse("start", argv, { port: { type: "string" } });
  const port = wholeNumber(args, "port", { least: 0, most: 65535, unit: "a port", otherwise: 5173 });
  const first = await firstGuest();
  const configFile = join(root, "vite.config.ts");
  say("building the page");
  await build({ configFile, configLoader: "runner", logLevel: "warn" });
  const server = await preview({
    configFile: false,
    root: join(root, "web"),
    build: { outDir: join(root, "dist/web") },
    plugins: [guestFiles({ first, report: say })],
    preview: { port, host: "127.0.0.1" },
  });
  const address = server.resolvedUrls?.local[0];
  say(`\nHypertab is at ${address}?guest=${first}\nCtrl-C ends it.`);
}

start(process.argv.slice(2)).catch((error: unknown) => {
  process.stderr.write(`start: ${oneLine(error)}\n`);
  process.exitCode = 1;
});
