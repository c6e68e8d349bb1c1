// `npm start`: gets a guest, builds the page and serves both. `npm run dev`: serves the page from its sources.
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { build, createServer, preview, type InlineConfig } from "vite";
import { oneLine } from "../cli/errors";
import { parse, wholeNumber } from "../cli/options";
import { getDefaultGuest, guestOptions } from "../images/catalog";
import { guestFiles } from "./guest-files";

const root = join(dirname(fileURLToPath(import.meta.url)), "..");
const say = (line: string): void => void process.stdout.write(`${line}\n`);

async function start(argv: readonly string[]): Promise<void> {
  const args = parse("npm start -- --port N", argv, { port: { type: "string" }, dev: { type: "boolean" } });
  const port = wholeNumber(args, "port", { least: 0, most: 65535, unit: "a port", otherwise: 5173 });
  say("looking for a guest");
  const { name, why } = await getDefaultGuest(guestOptions(process.env, { log: (line) => say(`  ${line}`) }));
  say(`guest: ${name}, from ${why}`);

  const address = await serve(args.values["dev"] === true, {
    configFile: join(root, "vite.config.ts"),
    logLevel: "warn",
    plugins: [guestFiles({ first: name, report: say })],
    server: { port, host: "127.0.0.1" },
    preview: { port, host: "127.0.0.1" },
  });
  say(`\nHypertab is at ${address}?guest=${name}\nCtrl-C ends it.`);
}

async function serve(development: boolean, config: InlineConfig): Promise<string | undefined> {
  if (development) {
    const server = await createServer(config);
    await server.listen();
    return server.resolvedUrls?.local[0];
  }
  say("building the page");
  await build(config);
  return (await preview(config)).resolvedUrls?.local[0];
}

start(process.argv.slice(2)).catch((error: unknown) => {
  process.stderr.write(`start: ${oneLine(error)}\n`);
  process.exitCode = 1;
});
