import { type Progress } from "../../emulator/storage/copy-disk";

/** Shows how far long work is, on a terminal only: one line that `end` takes away. */
export function progressLine(what: string): { readonly update: Progress; readonly end: () => void } {
  const { stderr } = process;
  let shown = -1;
  return {
    update: (done, total) => {
      const percent = Math.floor((100 * done) / total);
      if (!stderr.isTTY || percent === shown) return;
      shown = percent;
      stderr.write(`\r${what}: ${percent} %`);
    },
    end: () => {
      if (shown >= 0) stderr.write(`\r${" ".repeat(what.length + 8)}\r`);
    },
  };
}
