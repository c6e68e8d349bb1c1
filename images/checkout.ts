import { existsSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { ConfigurationError } from "../emulator/machine-types";

const INIT = join("images", "init", "init.sh");

/** The checkout's folder: the nearest one above this module that has images/, also when this module was bundled. */
export function checkoutDirectory(): string {
  for (let folder = dirname(fileURLToPath(import.meta.url)); ; folder = dirname(folder)) {
    if (existsSync(join(folder, INIT))) return folder;
    if (folder === dirname(folder)) throw new ConfigurationError(`${INIT} is not in any folder above this program.`);
  }
}

/** The script that becomes /init of the guests built here. */
export function initScript(): string {
  return join(checkoutDirectory(), INIT);
}
