import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { checkoutDirectory } from "../../../images/checkout";
import type { Emulator } from "./emulator";
import { startProcess } from "./process";
import { v86Files } from "./v86-files";
import type { V86Start } from "./v86-start";

/** v86, a 32-bit PC in WebAssembly, in a Node of its own. */
export const v86: Emulator = {
  name: "v86",
  ours: "hypertab",
  is64Bit: false,
  describe: async () => `v86 ${v86Files().version} in Node ${process.version}`,
  start: async (guest, listener) => {
    const { module, wasm, bios, vgaBios } = v86Files();
    const start: V86Start = { ...guest, module: pathToFileURL(module).href, wasm, bios, vgaBios };
    return startProcess(
      process.execPath,
      [join(checkoutDirectory(), "dist/bench-v86.mjs"), JSON.stringify(start)],
      listener,
    );
  },
};
