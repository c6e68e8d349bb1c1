// Writes instructions piece by piece: encodes operands so that most of them reach something.

import type { Random } from "./random";
import type { Piece } from "./program";
import { CODE, CODE_PAGES, DATA, DATA_PAGES, PAGE_ABSENT, type World } from "./world";

/** Registers by number, as ModRM has them. */
export const RAX = 0;
export const RCX = 1;
export const RDX = 2;
export const RBX = 3;
export const RSP = 4;
export const RBP = 5;
export const RSI = 6;
export const RDI = 7;
/** What programs keep addresses in. */
const POINTERS: readonly number[] = [RBX, RSI, RDI, 13];

/** How one instruction is written. */
export interface Form {
  /** Opcode bytes, without prefixes and REX. */
  readonly opcode: readonly number[];
  /** A prefix that belongs to the opcode, 0 for none: it stands before REX. */
  readonly prefix?: number;
  /** No ModRM byte if left out. "any": a register or memory. */
  readonly rm?: "any" | "memory" | "register";
  /** ModRM.reg; a random one if left out. */
  readonly reg?: number;
  /** Registers there are no general ones: any may be named. */
  readonly vector?: boolean;
  /** REX.W; undefined: by chance. */
  readonly wide?: boolean;
  /** Bytes of the immediate; "z": 2 or 4 by operand size. */
  readonly immediate?: number | "z";
  /** Prefix 66 by chance. */
  readonly sizes?: boolean;
  /** LOCK by chance. */
  readonly lock?: boolean;
}

export class CodeWriter {
  readonly pieces: Piece[] = [];
  private bytes: number[] = [];
  private start: number;

  constructor(
    readonly random: Random,
    readonly world: World,
    address: number,
    private readonly end: number,
    /** Addresses that jumps may lead to. */
    readonly chunks: readonly number[],
    /** Those of them that begin with a leaf function. */
    readonly leaves: readonly number[],
  ) {
    this.start = address;
  }

  get is64(): boolean {
    return this.world.kind === "long";
  }

  get here(): number {
    return this.start + this.bytes.length;
  }

  get room(): number {
    return this.end - this.here;
  }

  emit(...values: number[]): this {
    for (const value of values) this.bytes.push(value & 0xff);
    return this;
  }

  emit32(value: number): this {
    return this.emit(value, value >>> 8, value >>> 16, value >>> 24);
  }

  endPiece(name: string): void {
    if (this.bytes.length === 0) return;
    this.pieces.push({ address: this.start, bytes: Uint8Array.from(this.bytes), name });
    this.start += this.bytes.length;
    this.bytes = [];
  }

  /** The chunk's last instruction. */
  finish(next: number): void {
    this.jumpTo(next, 0xe9);
    this.endPiece("jmp");
  }

  /** A near jump or call with a 32-bit displacement. */
  jumpTo(target: number, ...opcode: number[]): void {
    this.emit(...opcode).emit32(target - (this.here + opcode.length + 4));
  }

  /** A data address, often where a page ends; all kinds of pages, plain ones most often. */
  dataAddress(): number {
    const { random } = this;
    const page =
      random.below(4) === 0 ? PAGE_ABSENT + random.below(DATA_PAGES - PAGE_ABSENT) : random.below(PAGE_ABSENT);
    const offset = random.once(4) ? 0x1000 - random.below(20) : random.below(0x1000);
    return DATA + page * 0x1000 + offset;
  }

  codeAddress(): number {
    return this.random.once(3)
      ? this.random.pick(this.chunks) + this.random.below(40)
      : CODE + this.random.below(CODE_PAGES << 12);
  }

  /** A register to write: seldom one that holds an address. */
  target(): number {
    const { random } = this;
    const number = random.below(this.is64 ? 16 : 8);
    if (number === RSP && !random.once(40)) return RAX;
    if (POINTERS.includes(number) && !random.once(12)) return random.pick([RAX, RCX, RDX, RBP]);
    return number;
  }

  /** mov reg, imm, as wide as the mode's registers, zero-extended. */
  load(register: number, value: bigint | number): this {
    const big = BigInt(value);
    if (register > 7) this.emit(big >> 32n === 0n ? 0x41 : 0x49);
    else if (big >> 32n !== 0n) this.emit(0x48);
    this.emit(0xb8 | (register & 7)).emit32(Number(big & 0xffffffffn));
    if (big >> 32n !== 0n) this.emit32(Number((big >> 32n) & 0xffffffffn));
    return this;
  }

  /** Writes an instruction of a form. */
  instruction(form: Form): void {
    const { random } = this;
    const lock = form.lock === true && random.once(8);
    if (random.once(24)) this.emit(random.pick([0x26, 0x2e, 0x36, 0x3e, 0x64, 0x65]));
    const short = form.sizes === true && random.once(5);
    if (short) this.emit(0x66);
    if (random.once(40)) this.emit(random.pick([0xf2, 0xf3]));
    if (random.once(60)) this.emit(0x66);
    const address16 = random.once(60);
    if (address16) this.emit(0x67);
    if (lock || random.once(150)) this.emit(0xf0);
    if (form.prefix) this.emit(form.prefix);
    const wide = form.wide ?? random.once(2);
    let size = short ? 2 : 4;
    if (form.rm === undefined) {
      if (this.is64 && (form.wide === true || (form.wide === undefined && random.once(3)))) {
        this.emit(0x48 | random.below(8));
        size = 4;
      }
      this.emit(...form.opcode);
    } else this.operands(form, wide, (useWide) => (size = useWide ? 4 : size));
    const bytes = form.immediate === "z" ? size : (form.immediate ?? 0);
    const value = random.value(32);
    for (let n = 0; n < bytes; n++) this.emit(Number((value >> BigInt(n * 8)) & 0xffn));
  }

  private operands(form: Form, wide: boolean, sized: (wide: boolean) => void): void {
    const { random } = this;
    const register = form.rm === "register" || (form.rm === "any" && random.once(2));
    const reg = form.reg ?? (form.vector === true ? random.below(this.is64 ? 16 : 8) : this.target());
    if (register) {
      const rm = form.vector === true ? random.below(this.is64 ? 16 : 8) : this.target();
      if (this.is64) this.rex(wide, reg, 0, rm, sized);
      this.emit(...form.opcode, 0xc0 | ((reg & 7) << 3) | (rm & 7));
      return;
    }
    this.memoryOperand(form, reg, this.is64 && wide, sized);
  }

  private rex(wide: boolean, reg: number, index: number, rm: number, sized: (wide: boolean) => void): void {
    const bits = (wide ? 8 : 0) | (reg > 7 ? 4 : 0) | (index > 7 ? 2 : 0) | (rm > 7 ? 1 : 0);
    if (bits !== 0 || this.random.once(4)) this.emit(0x40 | bits);
    if (wide) sized(true);
  }

  private memoryOperand(form: Form, reg: number, wide: boolean, sized: (wide: boolean) => void): void {
    const { random } = this;
    const { opcode } = form;
    // Most vector instructions fault where their operand is not aligned.
    const unaligned = form.vector === true && !random.once(4) ? 15 : 0;
    const field = (reg & 7) << 3;
    const kind = random.below(8);
    const rex = (index: number, base: number): void => {
      if (this.is64) this.rex(wide, reg, index, base, sized);
    };
    if (kind < 2) {
      // Absolute.
      rex(0, 0);
      this.emit(...opcode, 0x04 | field, 0x25).emit32(this.dataAddress() & ~unaligned);
    } else if (kind < 4) {
      // RIP-relative in 64-bit code, an address in itself elsewhere. An immediate may follow.
      rex(0, 0);
      this.emit(...opcode, 0x05 | field);
      const address = this.dataAddress() & ~unaligned;
      const after = typeof form.immediate === "number" ? form.immediate : 0;
      this.emit32(this.is64 ? address - (this.here + 4 + after) : address);
    } else if (kind === 4) {
      // Stack.
      rex(0, RSP);
      this.emit(...opcode, 0x44 | field, 0x24, random.below(64));
    } else {
      const base = random.pick(this.is64 ? POINTERS : POINTERS.slice(0, 3));
      const displacement = random.below(256);
      if (kind < 7) {
        rex(0, base);
        this.emit(...opcode, 0x40 | field | (base & 7), displacement);
      } else {
        const index = random.pick(this.is64 ? [RCX, RDX, 9, 14] : [RCX, RDX]);
        rex(index, base);
        this.emit(...opcode, 0x44 | field, (random.below(4) << 6) | ((index & 7) << 3) | (base & 7), displacement);
      }
    }
  }
}
