// The types of the public API (emulator/machine.ts). The command line, the playground and the tests use only these.

import type { NamedMsr } from "./hyperv/msr-names";
import type { SynicState } from "./hyperv/synic-state";
import type { KeyboardLeds } from "./input/machine-input";
import type { Disk } from "./storage/disk";
import type { VmbusSnapshot } from "./vmbus/trace/snapshot";

export type { NamedMsr } from "./hyperv/msr-names";
export type { SintState, SynicState } from "./hyperv/synic-state";
export type { ChannelSnapshot, GpadlSnapshot, VmbusSnapshot } from "./vmbus/trace/snapshot";
export type {
  RingFill,
  RingFills,
  TracedChannel,
  TraceField,
  VmbusTraceEntry,
  VmbusTraceEvent,
} from "./vmbus/trace/types";

/** How the guest's clocks advance: with the host's clock, or with retired instructions (bit for bit repeatable). */
export type TimeMode = "real" | "virtual";

/** Where a drive is attached: at one of Generation 1's two IDE controllers, or at the synthetic SCSI controller. */
export type DriveLocation =
  | { readonly controller: "ide"; readonly channel: 0 | 1; readonly drive: 0 | 1 }
  /** `lun` is 0..63. */
  | { readonly controller: "scsi"; readonly lun: number };

export interface DriveAttachment {
  readonly location: DriveLocation;
  readonly kind: "disk" | "dvd";
  /**
   * What is in the drive; a disk always has it. Whoever opened the image closes it, after the machine has stopped or
   * the drive was detached.
   */
  readonly image?: Disk;
  /**
   * A disk at the SCSI controller then knows PERSISTENT RESERVE, which Hyper-V's disks do only when they were attached
   * with support for it. Keys last as long as the drive is attached.
   */
  readonly persistentReservations?: boolean;
}

/** A Linux bzImage or a multiboot 1 ELF image, told apart by its content. */
export interface BootSource {
  readonly kernel: Uint8Array;
  readonly initrd?: Uint8Array;
  readonly commandLine?: string;
}

export interface MachineSettings {
  /** The core's module: assembly/ compiled. Node reads build/core.wasm, the page fetches it. */
  readonly core: WebAssembly.Module;
  readonly boot: BootSource;
  /** MiB of guest RAM, 16..2048. */
  readonly memoryMiB: number;
  readonly time: TimeMode;
  /** Milliseconds since 1970-01-01 UTC that the RTC shows at reset in virtual time; in real time the host's clock counts. */
  readonly epochMs?: number;
  /** Drives from the beginning; Machine.attachDrive adds others later. */
  readonly drives?: readonly DriveAttachment[];
  /** After how many runs a piece of guest code is translated, Infinity for never; unset, after as many as pay. */
  readonly translateAfter?: number;
  /** Translates in the midst of the run rather than beside it: slow, but the same at every run. For tests. */
  readonly translateAtOnce?: boolean;
}

export type MachineState = "created" | "running" | "paused" | "stopped";

/** Why a machine stopped. */
export type StopReason =
  | { readonly kind: "power-off" }
  | { readonly kind: "triple-fault" }
  /** The guest reported a panic through the Hyper-V crash MSRs; p0..p4 as the guest wrote them. */
  | { readonly kind: "guest-crash"; readonly parameters: readonly bigint[]; readonly message?: string }
  /** Port 0xf4: `status` is what the guest wrote; the process's exit code is status * 2 + 1 as QEMU's isa-debug-exit defines it. */
  | { readonly kind: "debug-exit"; readonly status: number }
  | { readonly kind: "turned-off" }
  /** The emulator itself failed; a defect of ours. */
  | { readonly kind: "failure"; readonly message: string };

/** A VMBus channel as a user sees it. */
export interface ChannelStatus {
  readonly name: string;
  readonly instanceId: string;
  readonly state: "offered" | "open" | "closed" | "rescinded";
  readonly relid: number;
}

export interface MachineStatus {
  readonly state: MachineState;
  /** Seconds of guest time since reset. */
  readonly guestSeconds: number;
  /** Instructions retired since the machine's creation. */
  readonly instructions: number;
  /** VMBus protocol version in use as "major.minor", if the guest has made contact. */
  readonly vmbusVersion?: string;
  readonly channels: readonly ChannelStatus[];
}

/** Hyper-V as this machine's guest has set it up: for a view that teaches, not for a program that counts on it. */
export interface HypervisorSnapshot {
  readonly vmbus: VmbusSnapshot;
  readonly synic: SynicState;
  /** Every synthetic MSR that the guest can read, by number. */
  readonly msrs: readonly NamedMsr[];
}

/** Where the processor's work goes. Counts run from the machine's creation, those marked so from its last reset. */
export interface MachineStatistics {
  readonly instructions: number;
  /** Of these, the ones that translated code retired; the interpreter ran the rest. */
  readonly translatedInstructions: number;
  /** Functions of translated code that were made, one for each hot region of guest code. */
  readonly regions: number;
  /** Of these, the ones that can be entered now. */
  readonly regionsAlive: number;
  /** Bytes of WebAssembly that were made. */
  readonly translatedBytes: number;
  /** Milliseconds that modules were with the host's compiler, most of it on another thread. */
  readonly compileMs: number;
  /** Times that all translated code was dropped because there was too much of it. */
  readonly evictions: number;
  /** Times that the interpreter's loop entered translated code. */
  readonly regionEntries: number;
  /** Times that one region went straight to the next. */
  readonly chained: number;
  /** Why translated code came back to the interpreter's loop. */
  readonly leaves: LeaveCounts;
  /** Blocks of instructions decoded, since the last reset. */
  readonly blocksDecoded: number;
  /** Times that the room for decoded code was emptied, since the last reset. */
  readonly blockFlushes: number;
  /** Writes to memory that decoded code came from, since the last reset. */
  readonly codeWrites: number;
  /** Exceptions delivered, since the last reset. */
  readonly exceptions: number;
  /** Interrupts delivered, since the last reset. */
  readonly interrupts: number;
  /** Page walks, since the last reset. */
  readonly tlbFills: number;
  /** Times that the TLB forgot what is not global, or everything. */
  readonly tlbFlushes: number;
  /** Times that the TLB changed its size. */
  readonly tlbResizes: number;
  /** Entries that each of the TLB's sets has now. */
  readonly tlbEntries: number;
  /** Opcodes that translated code left to the interpreter's handlers, the most frequent first. */
  readonly handlers: readonly HandlerCount[];
  /** Why the core came back to the host. */
  readonly exits: ExitCounts;
}

export interface LeaveCounts {
  /** What follows was not known to be translated. */
  readonly miss: number;
  /** The next block did not fit before the end of the slice. */
  readonly limit: number;
  /** An access to memory wanted a look: changed code, an interrupt, a breakpoint. */
  readonly attention: number;
  /** An instruction changed the mode or wanted to stop. */
  readonly mode: number;
  /** An access that was not to plain RAM, or a fault. */
  readonly handler: number;
}

export interface HandlerCount {
  /** As "0F B1": the bytes of the opcode's map, and its own. */
  readonly opcode: string;
  readonly count: number;
}

export interface ExitCounts {
  /** It ran as many instructions as it was given, or up to a timer that a device armed. */
  readonly budget: number;
  /** HLT. */
  readonly halt: number;
  /** The host wanted the processor to stop. */
  readonly request: number;
  /** Triple fault. */
  readonly shutdown: number;
  /** An instruction faulted. */
  readonly fault: number;
}

/** In pixels, from the screen's upper left corner. */
export interface ScreenRectangle {
  readonly x: number;
  readonly y: number;
  readonly width: number;
  readonly height: number;
}

/** In pixels. */
export interface ScreenMode {
  readonly width: number;
  readonly height: number;
}

/** A mouse pointer's picture. */
export interface PointerShape {
  readonly width: number;
  readonly height: number;
  /** The pixel that points. */
  readonly hotX: number;
  readonly hotY: number;
  /** RGBA, 4 bytes a pixel; alpha is not multiplied into the colours. */
  readonly pixels: Uint8ClampedArray<ArrayBuffer>;
}

/** The mouse pointer that the guest wants shown above the picture, which does not have it. */
export interface ScreenPointer {
  readonly visible: boolean;
  /** Where the shape's upper left pixel is. */
  readonly x: number;
  readonly y: number;
  /** Undefined while the guest has given none. */
  readonly shape?: PointerShape;
}

/** The machine's screen. Whoever shows it takes the changes, then reads their pixels. */
export interface MachineScreen {
  /** Undefined while no driver shows a picture. */
  readonly mode: ScreenMode | undefined;
  readonly pointer: ScreenPointer;
  /** False asks the guest not to tell what it paints, while nobody looks. At first true. */
  watched: boolean;
  /** What changed since the last call, everything after a new mode. Real changes only: a still screen has none. */
  takeChanges(): ScreenRectangle[];
  /**
   * @returns RGBA, 4 bytes a pixel, rows without gaps, all opaque: as ImageData has them
   * @throws RangeError if the rectangle is not on the screen
   */
  readPixels(rectangle: ScreenRectangle): Uint8ClampedArray<ArrayBuffer>;
}

/** What is new on the screen. */
export interface ScreenNews {
  /** Another mode, or none any more. */
  readonly mode: boolean;
  /** The picture may have changed. Not told again before MachineScreen.takeChanges(). */
  readonly pixels: boolean;
  readonly pointer: boolean;
}

export interface MachineEvents {
  /** Bytes that the guest wrote to COM1. */
  serial: Uint8Array;
  /** A byte that the guest wrote to the debug console, port 0xe9. */
  debugConsole: number;
  state: MachineState;
  stopped: StopReason;
  /** The guest asked for a reset and the machine starts again from its boot source. */
  reset: undefined;
  /** A VMBus channel was offered, opened, closed or rescinded. */
  channels: readonly ChannelStatus[];
  /** The guest switched a lamp of its keyboard. */
  keyboardLeds: KeyboardLeds;
  /** The guest ejected a disc; its image is the listener's again. */
  discEjected: { readonly location: DriveLocation; readonly image: Disk };
  screen: ScreenNews;
  log: { readonly source: string; readonly message: string };
}

/** Settings, or files given to the machine, that it cannot use; the message is one line and says what would be right. */
export class ConfigurationError extends Error {
  override readonly name = "ConfigurationError";
}
