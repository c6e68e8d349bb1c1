import { joinArchives, S_IFDIR, S_IFREG, writeCpio } from "../../images/archive/cpio";
import { BEGIN, DONE, END, marker } from "./markers";
import { memoryProgram } from "./memory-program";
import type { Phase } from "./phases";
import { randomReadProgram } from "./random-read-program";

/** Where the guest finds the script; the kernel's command line names it. */
export const SCRIPT_PATH = "/bench/run.sh";

/** The script that the guest runs: each phase between two lines on the console. */
export function benchScript(phases: readonly Phase[]): string {
  const lines = ["export PATH=/sbin:/bin", `echo '${marker(DONE, "a")}'`];
  for (const { id, setup, script } of phases) {
    if (script === undefined) continue;
    if (setup !== undefined) lines.push(setup);
    lines.push(`echo '${marker(BEGIN, id)}'`, script, `echo "${marker(END, id, "$?")}"`);
  }
  lines.push(`echo '${marker(DONE, "all")}'`);
  return lines.join("\n") + "\n";
}

/** The guest's initramfs with the script and its programs behind it, as an archive of its own. */
export function withScript(initrd: Uint8Array, phases: readonly Phase[], bits: 32 | 64): Uint8Array {
  return joinArchives([
    initrd,
    writeCpio([
      { name: "bench", mode: S_IFDIR | 0o755, data: new Uint8Array(0) },
      { name: SCRIPT_PATH.slice(1), mode: S_IFREG | 0o755, data: new TextEncoder().encode(benchScript(phases)) },
      { name: "bench/memory", mode: S_IFREG | 0o755, data: memoryProgram(bits) },
      { name: "bench/random-read", mode: S_IFREG | 0o755, data: randomReadProgram(bits) },
    ]),
  ]);
}
