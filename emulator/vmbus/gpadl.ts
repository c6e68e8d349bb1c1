import type { GuestMemory } from "../cpu/guest-memory";
import { type GuestBuffer, parseGpaRanges } from "./guest-buffer";

// Guest physical address descriptor lists: memory that a guest shares with a channel, told in a header message and as
// many body messages as its page numbers need.

/** A complete GPADL. */
export interface Gpadl {
  readonly id: number;
  readonly relid: number;
  readonly ranges: readonly GuestBuffer[];
  /** Open rings that lie in it. */
  users: number;
  /** The guest asked for its teardown while a ring still used it; the answer waits until the ring is closed. */
  tearDownWhenFree: boolean;
}

interface Assembly {
  readonly relid: number;
  readonly rangeCount: number;
  readonly bytes: Uint8Array;
  filled: number;
}

/** Why a message about a GPADL was refused; `answer` tells whether the guest waits for a GPADL_CREATED. */
export interface GpadlRefusal {
  readonly kind: "refused";
  readonly reason: string;
  readonly answer: boolean;
  readonly relid: number;
}
export type GpadlProgress =
  { readonly kind: "created"; readonly gpadl: Gpadl } | { readonly kind: "more" } | GpadlRefusal;

/** A guest may share this many pages at once, over all GPADLs; a hostile one shall not fill the host's memory. */
const PAGE_LIMIT = 1 << 20;
const GPADL_LIMIT = 4096;
const SMALLEST_RANGE = 16;

export class GpadlTable {
  private readonly complete = new Map<number, Gpadl>();
  private readonly assemblies = new Map<number, Assembly>();
  private pages = 0;

  /** @param onChange called for every GPADL that is complete from now on, or is no more */
  constructor(
    private readonly memory: GuestMemory,
    private readonly onChange: (change: "established" | "ended", gpadl: Gpadl) => void = () => undefined,
  ) {}

  /** Every complete GPADL. */
  all(): Gpadl[] {
    return [...this.complete.values()];
  }

  get(id: number): Gpadl | undefined {
    return this.complete.get(id);
  }

  /**
   * CHANNELMSG_GPADL_HEADER.
   * @param totalBytes of all ranges, over header and bodies
   * @param part the bytes of them that came with the header
   */
  header(relid: number, id: number, rangeCount: number, totalBytes: number, part: Uint8Array): GpadlProgress {
    const refuse = (reason: string): GpadlRefusal => ({ kind: "refused", reason, answer: true, relid });
    if (id === 0) return refuse("GPADL handle 0");
    if (this.complete.has(id) || this.assemblies.has(id)) return refuse(`GPADL handle 0x${id.toString(16)} is in use`);
    if (rangeCount === 0 || totalBytes < rangeCount * SMALLEST_RANGE) return refuse("GPADL without pages");
    if (this.complete.size + this.assemblies.size >= GPADL_LIMIT) return refuse("too many GPADLs");
    this.assemblies.set(id, { relid, rangeCount, bytes: new Uint8Array(totalBytes), filled: 0 });
    return this.append(id, part);
  }

  /** CHANNELMSG_GPADL_BODY. */
  body(id: number, part: Uint8Array): GpadlProgress {
    if (!this.assemblies.has(id)) {
      return { kind: "refused", reason: `GPADL body for unknown handle 0x${id.toString(16)}`, answer: false, relid: 0 };
    }
    if (part.length === 0) return { kind: "more" };
    return this.append(id, part);
  }

  /** Forgets a GPADL, complete or not. */
  remove(id: number): void {
    const gpadl = this.complete.get(id);
    this.complete.delete(id);
    if (gpadl) {
      this.pages -= pageTotal(gpadl);
      this.onChange("ended", gpadl);
    }
    this.assemblies.delete(id);
  }

  /** True if the handle is known, complete or not. */
  has(id: number): boolean {
    return this.complete.has(id) || this.assemblies.has(id);
  }

  /** The channel that a handle, complete or not, belongs to. */
  relidOf(id: number): number | undefined {
    return this.complete.get(id)?.relid ?? this.assemblies.get(id)?.relid;
  }

  /** Every complete GPADL of a channel. */
  ofChannel(relid: number): Gpadl[] {
    return this.all().filter((gpadl) => gpadl.relid === relid);
  }

  removeChannel(relid: number): void {
    for (const gpadl of this.ofChannel(relid)) this.remove(gpadl.id);
    for (const [id, assembly] of this.assemblies) if (assembly.relid === relid) this.assemblies.delete(id);
  }

  clear(): void {
    const gpadls = this.all();
    this.complete.clear();
    this.assemblies.clear();
    this.pages = 0;
    for (const gpadl of gpadls) this.onChange("ended", gpadl);
  }

  private append(id: number, part: Uint8Array): GpadlProgress {
    const assembly = this.assemblies.get(id);
    if (!assembly) return { kind: "more" };
    // Messages are padded, so the last one may carry more than is left.
    const wanted = part.subarray(0, assembly.bytes.length - assembly.filled);
    assembly.bytes.set(wanted, assembly.filled);
    assembly.filled += wanted.length;
    if (assembly.filled < assembly.bytes.length) return { kind: "more" };
    this.assemblies.delete(id);
    const { relid } = assembly;
    const ranges = parseGpaRanges(this.memory, assembly.bytes, assembly.rangeCount);
    if (!ranges || ranges.some((range) => range.length === 0)) {
      return { kind: "refused", reason: "malformed GPADL, or pages outside RAM", answer: true, relid };
    }
    const gpadl: Gpadl = { id, relid, ranges, users: 0, tearDownWhenFree: false };
    if (this.pages + pageTotal(gpadl) > PAGE_LIMIT) {
      return { kind: "refused", reason: "too many pages in GPADLs", answer: true, relid };
    }
    this.pages += pageTotal(gpadl);
    this.complete.set(id, gpadl);
    this.onChange("established", gpadl);
    return { kind: "created", gpadl };
  }
}

/** Pages of all its ranges. */
export function pageTotal(gpadl: Gpadl): number {
  return gpadl.ranges.reduce((sum, range) => sum + range.pages.length, 0);
}
