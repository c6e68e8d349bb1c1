/** A guest as files, ready to boot in any emulator. */
export interface GuestFiles {
  readonly kernel: string;
  readonly initrd: string;
  readonly commandLine: string;
  readonly memoryMiB: number;
  /** A new disk, all zeros: a VHDX file of its own for this run, and its size in bytes. */
  readonly disk?: { readonly path: string; readonly size: number };
}

/** A guest that runs in an emulator. */
export interface Running {
  /** Ends it at once; resolves when it is gone. */
  end(): Promise<void>;
  /** Seconds of processor time that it took so far, all its threads together; undefined where that is not known. */
  cpuSeconds(): number | undefined;
}

export interface Listener {
  /** The guest boots from now on: the clock of its boot starts. */
  begins(): void;
  /** The guest wrote to its serial console. */
  console(text: string): void;
  /** The emulator itself ended; `message` is what it said last. */
  ended(message: string): void;
}

/** Something that boots a guest: ours, or a peer. */
export interface Emulator {
  readonly name: string;
  /** For a peer, the name of ours that it is compared with. */
  readonly ours?: string;
  /** Whether it can run a 64-bit guest. */
  readonly is64Bit: boolean;
  /** What it is and its version, one line. @throws ConfigurationError, one line, if it is not here */
  describe(): Promise<string>;
  /** Gets ready what does not belong to the boot, then boots the guest. */
  start(guest: GuestFiles, listener: Listener): Promise<Running>;
}
