import { join } from "node:path";
import { checkoutDirectory } from "../../../images/checkout";
import type { Emulator } from "./emulator";
import { startProcess } from "./process";

/** Ours, in a Node of its own; without the launcher, which would look first whether it must build something. */
export const hypertab: Emulator = {
  name: "hypertab",
  is64Bit: true,
  describe: async () => `Hypertab in Node ${process.version}`,
  start: async ({ kernel, initrd, commandLine, memoryMiB, disk }, listener) => {
    const program = join(checkoutDirectory(), "dist/cli.mjs");
    const args = ["run", "--time", "real", "--memory", String(memoryMiB)];
    args.push("--kernel", kernel, "--initrd", initrd, `--append=${commandLine}`);
    if (disk !== undefined) args.push("--disk", disk.path);
    const text = `import(${JSON.stringify(program)}).then(({ main }) => main(${JSON.stringify(args)}))`;
    return startProcess(process.execPath, ["--input-type=module", "--eval", text], listener);
  },
};
