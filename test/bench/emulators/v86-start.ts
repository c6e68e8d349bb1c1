/** The part of v86's API that the benchmark uses; the package's documentation of V86Options names the rest. */
export interface V86Options {
  readonly wasm_path: string;
  readonly bios: { readonly buffer: ArrayBuffer };
  readonly vga_bios: { readonly buffer: ArrayBuffer };
  readonly bzimage: { readonly buffer: ArrayBuffer };
  readonly initrd: { readonly buffer: ArrayBuffer };
  /** The disk of its IDE controller. */
  readonly hda?: { readonly buffer: ArrayBuffer };
  readonly cmdline: string;
  readonly memory_size: number;
  readonly vga_memory_size: number;
  readonly autostart: boolean;
  readonly disable_keyboard: boolean;
  readonly disable_mouse: boolean;
  readonly disable_speaker: boolean;
  readonly fastboot: boolean;
}

export interface V86Module {
  readonly V86: new (options: V86Options) => {
    add_listener(event: "serial0-output-byte", listener: (byte: number) => void): void;
  };
}

/** What a v86 is started with; files as addresses: paths in Node, URLs in a browser. */
export interface V86Start {
  /** libv86.mjs */
  readonly module: string;
  readonly wasm: string;
  readonly bios: string;
  readonly vgaBios: string;
  readonly kernel: string;
  readonly initrd: string;
  readonly commandLine: string;
  readonly memoryMiB: number;
  /** It is kept in memory, which is what v86 has of disks that can be written; it does not outlive the page. */
  readonly disk?: { readonly size: number };
}

/** Boots a guest in v86 and hands on what it writes to its serial console. */
export async function startV86(
  start: V86Start,
  read: (address: string) => Promise<ArrayBuffer>,
  onSerial: (byte: number) => void,
): Promise<void> {
  const [{ V86 }, bios, vgaBios, kernel, initrd] = (await Promise.all([
    import(/* @vite-ignore */ start.module) as Promise<V86Module>,
    ...[start.bios, start.vgaBios, start.kernel, start.initrd].map(read),
  ])) as [V86Module, ArrayBuffer, ArrayBuffer, ArrayBuffer, ArrayBuffer];
  const v86 = new V86({
    wasm_path: start.wasm,
    bios: { buffer: bios },
    vga_bios: { buffer: vgaBios },
    bzimage: { buffer: kernel },
    initrd: { buffer: initrd },
    ...(start.disk && { hda: { buffer: new ArrayBuffer(start.disk.size) } }),
    cmdline: start.commandLine,
    memory_size: start.memoryMiB << 20,
    vga_memory_size: 2 << 20,
    autostart: true,
    disable_keyboard: true,
    disable_mouse: true,
    disable_speaker: true,
    fastboot: true,
  });
  v86.add_listener("serial0-output-byte", onSerial);
}
