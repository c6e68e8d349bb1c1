import { existsSync, readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { dirname, join } from "node:path";
import { ConfigurationError } from "../../../emulator/machine-types";
import { checkoutDirectory } from "../../../images/checkout";

/** Where Debian's package seabios puts its images. */
const BIOS_FOLDER = process.env["HYPERTAB_SEABIOS"] || "/usr/share/seabios";

export interface V86Files {
  readonly version: string;
  /** libv86.mjs */
  readonly module: string;
  readonly wasm: string;
  readonly bios: string;
  readonly vgaBios: string;
}

/** What v86 needs on this machine. @throws ConfigurationError if something is missing, one line */
export function v86Files(): V86Files {
  let module: string;
  try {
    module = createRequire(join(checkoutDirectory(), "package.json")).resolve("v86");
  } catch {
    throw new ConfigurationError("The benchmark's peer v86 is not installed; npm ci installs it.");
  }
  const bios = join(BIOS_FOLDER, "bios.bin");
  const vgaBios = join(BIOS_FOLDER, "vgabios-stdvga.bin");
  if (!existsSync(bios) || !existsSync(vgaBios)) {
    throw new ConfigurationError(
      `v86 needs a BIOS, and ${BIOS_FOLDER} has none: install Debian's package seabios, or name a folder in HYPERTAB_SEABIOS.`,
    );
  }
  const folder = dirname(module);
  const { version } = JSON.parse(readFileSync(join(folder, "../package.json"), "utf8")) as { version: string };
  return { version, module, wasm: join(folder, "v86.wasm"), bios, vgaBios };
}
