// Physical region descriptor tables (Programming Interface for Bus Master IDE Controller 1.0, 1.2): u32 address, u16 byte
// count with 0 for 64 KiB, and in the last byte's high bit the end of the table. Bit 0 of address and count is no bit.

import type { GuestMemory } from "../../cpu/guest-memory";

const DESCRIPTOR_SIZE = 8;
/** A table may not cross a 64 KiB boundary, so it is never longer. */
const TABLE_BOUNDARY = 0x10000;
const END_OF_TABLE = 0x8000;

interface Region {
  readonly address: number;
  readonly length: number;
}

interface Position {
  /** The next descriptor. */
  readonly table: number;
  /** What is left of the descriptor before. */
  readonly region: Region;
  readonly ended: boolean;
}

/** "short": the table ends before the transfer does. "fault": the table or a region of it is not in RAM. */
export type PrdFailure = "short" | "fault";

/** A walk along the guest's table. A piece of a transfer is moved whole or not at all. */
export class PrdWalk {
  private position: Position;

  constructor(
    private readonly memory: GuestMemory,
    table: number,
  ) {
    this.position = { table, region: { address: 0, length: 0 }, ended: false };
  }

  /** True if every byte that the table names was used. */
  get exhausted(): boolean {
    return this.position.ended && this.position.region.length === 0;
  }

  /** From guest memory into `target`. */
  read(target: Uint8Array): PrdFailure | undefined {
    return this.move(target, (region, bytes) => this.memory.readInto(region.address, bytes));
  }

  /** From `source` to guest memory. */
  write(source: Uint8Array): PrdFailure | undefined {
    return this.move(source, (region, bytes) => this.memory.write(region.address, bytes));
  }

  private move(bytes: Uint8Array, copy: (region: Region, bytes: Uint8Array) => boolean): PrdFailure | undefined {
    const regions: Region[] = [];
    let { position } = this;
    for (let left = bytes.length; left > 0;) {
      if (position.region.length === 0) {
        const next = this.next(position);
        if (typeof next === "string") return next;
        position = next;
      }
      const { address, length } = position.region;
      const part = Math.min(left, length);
      if (!this.memory.contains(address, part)) return "fault";
      regions.push({ address, length: part });
      position = { ...position, region: { address: address + part, length: length - part } };
      left -= part;
    }
    let at = 0;
    for (const region of regions) {
      if (!copy(region, bytes.subarray(at, at + region.length))) return "fault";
      at += region.length;
    }
    this.position = position;
    return undefined;
  }

  private next({ table, ended }: Position): Position | PrdFailure {
    if (ended) return "short";
    const address = this.memory.readU32(table);
    const word = this.memory.readU32(table + 4);
    if (address === undefined || word === undefined) return "fault";
    const following = table + DESCRIPTOR_SIZE;
    return {
      table: following,
      region: { address: (address & ~1) >>> 0, length: word & 0xfffe || 0x10000 },
      ended: ((word >>> 16) & END_OF_TABLE) !== 0 || following % TABLE_BOUNDARY === 0,
    };
  }
}
