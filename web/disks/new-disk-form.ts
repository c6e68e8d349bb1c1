import { parseSize, SIZE_EXAMPLE } from "../../emulator/storage/size-text";
import type { CreateOptions } from "../../emulator/storage/vhdx/create";
import { element } from "../dom";

const MIB = 1 << 20;
const BLOCK_SIZES_MIB = [1, 2, 4, 8, 16, 32, 64, 128, 256];
const MEANINGS: Readonly<Record<CreateOptions["type"], string>> = {
  dynamic: "The file grows as the guest writes, and gives back what the guest discards.",
  fixed:
    "The file has all its blocks from the start, and keeps them: exported, it is as large as the disk. The browser itself keeps no zeros.",
};

/** Bytes of what a user typed; throws an Error with one line that says what would be right. */
export function sizeOf(text: string): number {
  const size = parseSize(text.trim());
  if (size === undefined) throw new Error(`'${text.trim()}' is no size; it must be ${SIZE_EXAMPLE}`);
  return size;
}

/** The form that says what a new disk shall be. */
export class NewDiskForm {
  private readonly name = element("new-disk-name", HTMLInputElement);
  private readonly size = element("new-disk-size", HTMLInputElement);
  private readonly kind = element("new-disk-kind", HTMLSelectElement);
  private readonly block = element("new-disk-block", HTMLSelectElement);
  private readonly sector = element("new-disk-sector", HTMLSelectElement);

  constructor(onCreate: () => void) {
    this.block.append(...BLOCK_SIZES_MIB.map((mib) => new Option(`${mib} MiB`, String(mib))));
    this.kind.addEventListener("change", () => this.explain());
    element("new-disk", HTMLFormElement).addEventListener("submit", (event) => {
      event.preventDefault();
      onCreate();
    });
    this.explain();
  }

  /** What the user asks for. Throws an Error with one line for what is no size. */
  read(): { readonly name: string; readonly options: CreateOptions } {
    const block = Number(this.block.value);
    const options: CreateOptions = {
      size: sizeOf(this.size.value),
      type: this.kind.value === "fixed" ? "fixed" : "dynamic",
      blockSize: block > 0 ? block * MIB : undefined,
      logicalSectorSize: this.sector.value === "4096" ? 4096 : 512,
    };
    return { name: this.name.value.trim(), options };
  }

  /** The disk was made: the next one has another name. */
  clear(): void {
    this.name.value = "";
  }

  private explain(): void {
    element("new-disk-meaning", HTMLElement).textContent = MEANINGS[this.kind.value === "fixed" ? "fixed" : "dynamic"];
  }
}
