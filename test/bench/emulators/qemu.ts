import type { Emulator } from "./emulator";
import { firstLine, startProcess } from "./process";

const PROGRAM = "qemu-system-x86_64";

/** QEMU's TCG: a native program that translates to the host's own instructions, one thread for the processor. */
export const qemu: Emulator = {
  name: "qemu",
  ours: "hypertab",
  is64Bit: true,
  describe: () => firstLine(PROGRAM, ["--version"]),
  start: async ({ kernel, initrd, commandLine, memoryMiB, disk }, listener) =>
    startProcess(
      PROGRAM,
      [
        ...["-accel", "tcg,thread=single", "-smp", "1", "-m", String(memoryMiB)],
        ...["-kernel", kernel, "-initrd", initrd, "-append", commandLine],
        ...(disk === undefined ? [] : ["-drive", `if=ide,format=vhdx,file=${disk.path}`]),
        ...["-nodefaults", "-display", "none", "-serial", "stdio", "-no-reboot"],
      ],
      listener,
    ),
};
