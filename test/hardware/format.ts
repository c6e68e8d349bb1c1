// Reads the files that recorder/recorder.c writes: forms one after the other, each with its hundred results.
//
// Form: u8 length and name, u8 length and code, u8 mode, u16 mask of defined flags, u16 options, u16 mask of the
// defined x87 status bits, u8 domain. Result: u8 vector, 255 for none; and then, without a vector: u16 mask of changed
// general registers and their u64 values, u16 EFLAGS, u8 count of changed runs of memory (u16 offset, u16 length,
// bytes); with OPTION_XMM u16 mask of changed XMM registers, 16 bytes each, u32 MXCSR; with OPTION_X87 u16 control,
// u16 status, u8 tags (1: in use), u8 mask of changed physical registers, 10 bytes each.

import { OPTION_X87, OPTION_XMM, type FormInputs, type Inputs } from "./inputs";

export const CASES = 100;
export const NO_VECTOR = 255;

export interface Form extends FormInputs {
  readonly code: Uint8Array;
  readonly flagsMask: number;
  readonly statusMask: number;
}

/** A whole state, changes applied; `st` by physical register. */
export interface Result {
  readonly vector: number;
  readonly gpr: BigUint64Array;
  readonly flags: number;
  readonly memory: Uint8Array;
  readonly xmm: Uint8Array;
  readonly mxcsr: number;
  readonly st: Uint8Array;
  readonly control: number;
  readonly status: number;
  readonly tag: number;
}

/** x87 registers by physical number from those by ST number. */
export function physicalOrder(st: Uint8Array, status: number): Uint8Array {
  const result = new Uint8Array(80);
  for (let i = 0; i < 8; i++) {
    const physical = ((status >> 11) + i) & 7;
    result.set(st.subarray(i * 10, i * 10 + 10), physical * 10);
  }
  return result;
}

export class VectorReader {
  private offset = 0;
  private readonly view: DataView;

  constructor(private readonly bytes: Uint8Array) {
    this.view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  }

  get atEnd(): boolean {
    return this.offset >= this.bytes.length;
  }

  private u8(): number {
    return this.view.getUint8(this.offset++);
  }
  private u16(): number {
    this.offset += 2;
    return this.view.getUint16(this.offset - 2, true);
  }
  private take(length: number): Uint8Array {
    this.offset += length;
    return this.bytes.subarray(this.offset - length, this.offset);
  }

  form(): Form {
    const name = String.fromCharCode(...this.take(this.u8()));
    const code = this.take(this.u8());
    const mode = this.u8() === 32 ? 32 : 64;
    const flagsMask = this.u16();
    const options = this.u16();
    const statusMask = this.u16();
    return { name, code, mode, flagsMask, options, statusMask, domain: this.u8() };
  }

  result(form: Form, inputs: Inputs): Result {
    const vector = this.u8();
    const gpr = inputs.gpr.slice();
    const memory = inputs.memory.slice();
    const xmm = inputs.xmm.slice();
    const st = physicalOrder(inputs.st, inputs.status);
    let { flags, mxcsr, control, status, tag } = inputs;
    if (vector === NO_VECTOR) {
      const changed = this.u16();
      for (let i = 0; i < 16; i++) {
        if (((changed >> i) & 1) === 0) continue;
        gpr[i] = this.view.getBigUint64(this.offset, true);
        this.offset += 8;
      }
      flags = this.u16();
      for (let runs = this.u8(); runs > 0; runs--) {
        const offset = this.u16();
        memory.set(this.take(this.u16()), offset);
      }
      if ((form.options & OPTION_XMM) !== 0) {
        const changedXmm = this.u16();
        for (let i = 0; i < 16; i++) if (((changedXmm >> i) & 1) !== 0) xmm.set(this.take(16), i * 16);
        mxcsr = this.u16() | (this.u16() << 16);
      }
      if ((form.options & OPTION_X87) !== 0) {
        control = this.u16();
        status = this.u16();
        tag = this.u8();
        const changedSt = this.u8();
        for (let i = 0; i < 8; i++) if (((changedSt >> i) & 1) !== 0) st.set(this.take(10), i * 10);
      }
    }
    return { vector, gpr, flags, memory, xmm, mxcsr, st, control, status, tag };
  }
}
