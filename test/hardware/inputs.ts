// The inputs of the recorded vectors: the generator that recorder/recorder.c has, so that the files hold outputs only.
// Both must make the same numbers in the same order.

export const OPTION_DF = 1;
export const OPTION_COUNT = 2;
export const OPTION_BIT_OFFSET = 4;
export const OPTION_XMM = 8;
export const OPTION_X87 = 16;
export const OPTION_SPARSE = 32;
export const OPTION_COUNT16 = 64;
export const OPTION_APPROXIMATE = 128;
export const OPTION_NEAR_QUOTIENT = 256;
export const OPTION_EMPTY = 512;
export const OPTION_MODERATE = 1024;

export const DOMAIN_INTEGER = 0;
export const DOMAIN_F32 = 1;
export const DOMAIN_F64 = 2;
export const DOMAIN_F80 = 3;

/** Where the memory window lies, and its bytes. */
export const DATA = 0x200000;
export const WINDOW = 512;
const STATUS_FLAGS = 0x8d5;

export interface FormInputs {
  readonly name: string;
  readonly mode: 32 | 64;
  readonly options: number;
  readonly domain: number;
}

/** Registers in the order of their encoding; XMM registers and x87 registers as bytes, the latter by ST number. */
export interface Inputs {
  readonly gpr: BigUint64Array;
  flags: number;
  readonly memory: Uint8Array;
  readonly xmm: Uint8Array;
  mxcsr: number;
  readonly st: Uint8Array;
  control: number;
  status: number;
  tag: number;
}

const VALUE_CORNERS = [
  0x7fn,
  0x80n,
  0x7fffn,
  0x8000n,
  0x7fffffffn,
  0x80000000n,
  0x7fffffffffffffffn,
  0x8000000000000000n,
] as const;
const F32_CORNERS = [
  0, 0x80000000, 0x7f800000, 0xff800000, 0x7fc00000, 0xffc12345, 0x7fa00001, 0xff812345, 1, 0x807fffff, 0x00800000,
  0x7f7fffff, 0x3f800000, 0xbf800000, 0x3f000000, 0x4f000000,
];
const F64_CORNERS = [
  0n,
  0x8000000000000000n,
  0x7ff0000000000000n,
  0xfff0000000000000n,
  0x7ff8000000000000n,
  0xfff8123456789abcn,
  0x7ff4000000000001n,
  0xfff0123456789abcn,
  1n,
  0x800fffffffffffffn,
  0x0010000000000000n,
  0x7fefffffffffffffn,
  0x3ff0000000000000n,
  0xbff0000000000000n,
  0x3fe0000000000000n,
  0x41e0000000000000n,
] as const;
const F80_CORNERS_HIGH = [
  0, 0x8000, 0x7fff, 0xffff, 0x7fff, 0xffff, 0x7fff, 0xffff, 0, 0x8000, 1, 0x7ffe, 0x3fff, 0xbfff, 0x3ffe, 0x401e,
];
const F80_CORNERS_LOW = [
  0n,
  0n,
  0x8000000000000000n,
  0x8000000000000000n,
  0xc000000000000000n,
  0xc123456789abcdefn,
  0xa000000000000001n,
  0x8123456789abcdefn,
  1n,
  0x7fffffffffffffffn,
  0x8000000000000000n,
  0xffffffffffffffffn,
  0x8000000000000000n,
  0x8000000000000000n,
  0x8000000000000000n,
  0x8000000000000000n,
] as const;

function at<T>(table: readonly T[], index: number): T {
  return table[index] as T;
}

class Generator {
  private seed: number;
  private previous = 0n;

  constructor(form: FormInputs, number: number) {
    let hash = 0x811c9dc5;
    for (let i = 0; i < form.name.length; i++) hash = Math.imul(hash ^ form.name.charCodeAt(i), 0x01000193);
    this.seed = (hash ^ Math.imul(number, 0x9e3779b1) ^ form.mode) >>> 0;
    if (this.seed === 0) this.seed = 1;
    this.next();
    this.next();
  }

  /** u32; Marsaglia's xorshift. */
  next(): number {
    let s = this.seed;
    s ^= s << 13;
    s ^= s >>> 17;
    s ^= s << 5;
    this.seed = s >>> 0;
    return this.seed;
  }

  value(): bigint {
    const kind = this.next() & 15;
    const low = this.next();
    const high = this.next();
    let v: bigint;
    if (kind === 0) v = 0n;
    else if (kind === 1) v = 0xffffffffffffffffn;
    else if (kind === 2) v = 1n << BigInt(low & 63);
    else if (kind === 3) v = (1n << BigInt(low & 63)) - 1n;
    else if (kind === 4) v = BigInt(low & 255);
    else if (kind === 5) v = BigInt.asUintN(64, BigInt((low << 24) >> 24));
    else if (kind === 6) v = at(VALUE_CORNERS, low & 7);
    else if (kind === 7) v = BigInt(low);
    else if (kind === 8) v = this.previous;
    else v = (BigInt(high) << 32n) | BigInt(low);
    this.previous = v;
    return v;
  }

  f32(): number {
    const kind = this.next() % 12;
    const r = this.next();
    if (kind === 0) return at(F32_CORNERS, r & 15);
    if (kind === 1) return r;
    if (kind < 5) return ((r & 0x80f80000) | ((127 - 8 + (r & 15)) << 23)) >>> 0;
    if (kind < 9) return ((r & 0x807fffff) | ((127 - 4 + ((r >>> 23) & 7)) << 23)) >>> 0;
    return ((r & 0x807fffff) | ((127 - 32 + ((r >>> 23) & 63)) << 23)) >>> 0;
  }

  f64(): bigint {
    const kind = this.next() % 12;
    const high = this.next();
    const low = this.next();
    const r = (BigInt(high) << 32n) | BigInt(low);
    if (kind === 0) return at(F64_CORNERS, high & 15);
    if (kind === 1) return r;
    if (kind < 5) return (r & 0x800f800000000000n) | (BigInt(1023 - 8 + (low & 15)) << 52n);
    if (kind < 9) return (r & 0x800fffffffffffffn) | (BigInt(1023 - 4 + ((high >>> 20) & 7)) << 52n);
    return (r & 0x800fffffffffffffn) | (BigInt(1023 - 64 + ((high >>> 20) & 127)) << 52n);
  }

  f80(target: DataView, offset: number, options: number): void {
    let kind = this.next() % 12;
    const e = this.next();
    const high = this.next();
    const low = this.next();
    let m = (BigInt(high) << 32n) | BigInt(low);
    let exponent: number;
    const moderate = (options & OPTION_MODERATE) !== 0;
    if (moderate && kind < 2) kind = 6;
    if (kind === 0) {
      exponent = at(F80_CORNERS_HIGH, e & 15);
      m = at(F80_CORNERS_LOW, e & 15);
    } else {
      const sign = e & 0x8000;
      m |= 0x8000000000000000n;
      if (kind === 1) exponent = sign | (1 + ((e & 0x7fff) % 0x7ffe));
      else if (kind < 5) {
        m &= 0xfff0000000000000n;
        exponent = sign | (16383 - 8 + (e & 15));
      } else if (kind < 9) exponent = sign | (16383 - 4 + (e & 7));
      else exponent = sign | (16383 - 70 + (e & 127));
      if (moderate) exponent = sign | (16383 - 1 - (e & 7));
    }
    target.setBigUint64(offset, m, true);
    target.setUint16(offset + 8, exponent, true);
  }
}

/** The inputs of case `number` of a form. */
export function makeInputs(form: FormInputs, number: number): Inputs {
  const { options, domain, mode } = form;
  const g = new Generator(form, number);
  const gpr = new BigUint64Array(16);
  for (let i = 0; i < 16; i++) gpr[i] = g.value();
  let flags = g.next() & STATUS_FLAGS;
  const extra = g.next();
  if ((options & OPTION_DF) !== 0) flags |= extra & 0x400;
  if ((options & OPTION_COUNT) !== 0) gpr[1] = BigInt(extra % 9);
  if ((options & OPTION_COUNT16) !== 0) gpr[1] = BigInt(extra % 17);
  if ((options & OPTION_BIT_OFFSET) !== 0) gpr[1] = BigInt.asUintN(64, BigInt((extra & 1023) - 512));
  if ((options & OPTION_SPARSE) !== 0) gpr[0] = BigInt((extra >>> 12) & 1);
  if ((options & OPTION_NEAR_QUOTIENT) !== 0 && (extra & 3) !== 0) {
    gpr[2] = (extra & 4) !== 0 ? 0n : 0xffffffffffffffffn;
  }
  gpr[4] = BigInt(DATA + 0x180);
  gpr[6] = BigInt(DATA + 0x80);
  gpr[7] = BigInt(DATA + 0x100);
  if (mode === 32) {
    for (let i = 0; i < 16; i++) gpr[i] = i < 8 ? BigInt.asUintN(32, gpr[i] as bigint) : 0n;
  }

  const memory = new Uint8Array(WINDOW);
  const view = new DataView(memory.buffer);
  for (let i = 0; i < WINDOW;) {
    if ((options & OPTION_SPARSE) !== 0) {
      memory[i++] = ((g.next() >>> 8) & 7) === 0 ? 1 : 0;
    } else if (domain === DOMAIN_F32) {
      view.setUint32(i, g.f32(), true);
      i += 4;
    } else if (domain === DOMAIN_F64) {
      view.setBigUint64(i, g.f64(), true);
      i += 8;
    } else if (domain === DOMAIN_F80) {
      g.f80(view, i, options);
      i += 16;
    } else {
      view.setBigUint64(i, g.value(), true);
      i += 8;
    }
  }

  const xmm = new Uint8Array(256);
  let mxcsr = 0x1f80;
  if ((options & OPTION_XMM) !== 0) {
    const xmmView = new DataView(xmm.buffer);
    for (let i = 0; i < 256;) {
      if (domain === DOMAIN_F32) {
        xmmView.setUint32(i, g.f32(), true);
        i += 4;
      } else {
        xmmView.setBigUint64(i, domain === DOMAIN_F64 ? g.f64() : g.value(), true);
        i += 8;
      }
    }
    const r = g.next();
    mxcsr |= (r & 0x6000) | ((r & 0x70000) === 0 ? 0x8000 : 0) | ((r & 0x700000) === 0 ? 0x40 : 0);
  }

  const inputs: Inputs = { gpr, flags, memory, xmm, mxcsr, st: new Uint8Array(80), control: 0x37f, status: 0, tag: 0 };
  if ((options & OPTION_X87) !== 0) makeX87(g, form, inputs);
  return inputs;
}

function makeX87(g: Generator, form: FormInputs, inputs: Inputs): void {
  const view = new DataView(inputs.st.buffer);
  for (let i = 0; i < 8; i++) {
    if (form.domain !== DOMAIN_INTEGER) g.f80(view, i * 10, form.options);
    else {
      view.setBigUint64(i * 10, g.value(), true);
      view.setUint16(i * 10 + 8, g.next() & 0xffff, true);
    }
  }
  const r = g.next();
  const top = (r >>> 8) & 7;
  inputs.control = 0x7f | at([0x300, 0x300, 0x200, 0], r & 3) | (((r >>> 4) & 3) << 10);
  inputs.status = top << 11;
  const used = (form.options & OPTION_EMPTY) !== 0 && (r & 0x10000) !== 0 ? 0 : 5;
  for (let i = 0; i < used; i++) inputs.tag |= 1 << ((top + i) & 7);
}
