// Bytes of WebAssembly, written one after another into the emitter's memory: opcodes by their names in the
// specification (WebAssembly core specification, 5.4), integers as LEB128.

export const BLOCK: u32 = 0x02;
export const LOOP: u32 = 0x03;
export const IF: u32 = 0x04;
export const ELSE: u32 = 0x05;
export const END: u32 = 0x0b;
export const BR: u32 = 0x0c;
export const BR_IF: u32 = 0x0d;
export const BR_TABLE: u32 = 0x0e;
export const CALL: u32 = 0x10;
export const CALL_INDIRECT: u32 = 0x11;
export const RETURN: u32 = 0x0f;
export const RETURN_CALL: u32 = 0x12;
export const RETURN_CALL_INDIRECT: u32 = 0x13;
export const SELECT: u32 = 0x1b;
export const LOCAL_GET: u32 = 0x20;
export const LOCAL_SET: u32 = 0x21;
export const LOCAL_TEE: u32 = 0x22;
export const I32_LOAD: u32 = 0x28;
export const I32_LOAD16_U: u32 = 0x2f;
export const I64_LOAD: u32 = 0x29;
export const I64_LOAD8_U: u32 = 0x31;
export const I64_LOAD16_U: u32 = 0x33;
export const I64_LOAD32_U: u32 = 0x35;
export const I32_STORE: u32 = 0x36;
export const F32_LOAD: u32 = 0x2a;
export const F64_LOAD: u32 = 0x2b;
export const I64_STORE: u32 = 0x37;
export const F32_STORE: u32 = 0x38;
export const F64_STORE: u32 = 0x39;
export const I64_STORE8: u32 = 0x3c;
export const I64_STORE16: u32 = 0x3d;
export const I64_STORE32: u32 = 0x3e;
export const I32_CONST: u32 = 0x41;
export const I64_CONST: u32 = 0x42;
export const I32_EQZ: u32 = 0x45;
export const I32_EQ: u32 = 0x46;
export const I32_NE: u32 = 0x47;
export const I32_GT_U: u32 = 0x4b;
export const I32_GE_U: u32 = 0x4f;
export const I64_EQZ: u32 = 0x50;
export const I64_EQ: u32 = 0x51;
export const I64_NE: u32 = 0x52;
export const I64_LT_S: u32 = 0x53;
export const I64_LT_U: u32 = 0x54;
export const I64_GT_U: u32 = 0x56;
export const I64_GE_U: u32 = 0x5a;
export const I64_LE_S: u32 = 0x57;
export const I64_LE_U: u32 = 0x58;
export const F32_NE: u32 = 0x5c;
export const F32_LT: u32 = 0x5d;
export const F32_GT: u32 = 0x5e;
export const F64_NE: u32 = 0x62;
export const F64_LT: u32 = 0x63;
export const F64_GT: u32 = 0x64;
export const I32_ADD: u32 = 0x6a;
export const I32_SUB: u32 = 0x6b;
export const I32_MUL: u32 = 0x6c;
export const I32_AND: u32 = 0x71;
export const I32_OR: u32 = 0x72;
export const I32_XOR: u32 = 0x73;
export const I32_SHL: u32 = 0x74;
export const I32_SHR_U: u32 = 0x76;
export const I32_ROTL: u32 = 0x77;
export const I32_ROTR: u32 = 0x78;
export const I64_CLZ: u32 = 0x79;
export const I64_CTZ: u32 = 0x7a;
export const I64_POPCNT: u32 = 0x7b;
export const I64_ADD: u32 = 0x7c;
export const I64_SUB: u32 = 0x7d;
export const I64_MUL: u32 = 0x7e;
export const I64_DIV_S: u32 = 0x7f;
export const I64_DIV_U: u32 = 0x80;
export const I64_REM_S: u32 = 0x81;
export const I64_REM_U: u32 = 0x82;
export const I64_AND: u32 = 0x83;
export const I64_OR: u32 = 0x84;
export const I64_XOR: u32 = 0x85;
export const I64_SHL: u32 = 0x86;
export const I64_SHR_S: u32 = 0x87;
export const I64_SHR_U: u32 = 0x88;
export const I64_ROTL: u32 = 0x89;
export const I64_ROTR: u32 = 0x8a;
export const F32_SQRT: u32 = 0x91;
export const F32_ADD: u32 = 0x92;
export const F32_SUB: u32 = 0x93;
export const F32_MUL: u32 = 0x94;
export const F32_DIV: u32 = 0x95;
export const F64_NEAREST: u32 = 0x9e;
export const F64_SQRT: u32 = 0x9f;
export const F64_ADD: u32 = 0xa0;
export const F64_SUB: u32 = 0xa1;
export const F64_MUL: u32 = 0xa2;
export const F64_DIV: u32 = 0xa3;
export const I32_WRAP_I64: u32 = 0xa7;
export const I64_EXTEND_I32_U: u32 = 0xad;
export const F32_CONVERT_I32_S: u32 = 0xb2;
export const F32_CONVERT_I64_S: u32 = 0xb4;
export const F32_DEMOTE_F64: u32 = 0xb6;
export const F64_CONVERT_I32_S: u32 = 0xb7;
export const F64_CONVERT_I64_S: u32 = 0xb9;
export const F64_PROMOTE_F32: u32 = 0xbb;
export const I32_REINTERPRET_F32: u32 = 0xbc;
export const I64_REINTERPRET_F64: u32 = 0xbd;
export const I64_EXTEND8_S: u32 = 0xc2;
export const I64_EXTEND16_S: u32 = 0xc3;
export const I64_EXTEND32_S: u32 = 0xc4;

export const TYPE_I32: u32 = 0x7f;
export const TYPE_I64: u32 = 0x7e;
export const TYPE_F32: u32 = 0x7d;
export const TYPE_F64: u32 = 0x7c;
export const TYPE_FUNCTION: u32 = 0x60;
export const TYPE_VOID: u32 = 0x40;

/** Where the next byte goes. */
export let position: u32 = 0;

export function seek(address: u32): void { position = address; }

// @ts-ignore: decorator
@inline export function byte(value: u32): void {
  store<u8>(position, <u8>value);
  position++;
}

export function unsigned(value: u32): void {
  while (value >= 0x80) {
    byte((value & 0x7f) | 0x80);
    value >>= 7;
  }
  byte(value);
}

export function signed(value: i64): void {
  while (value < -64 || value > 63) {
    byte((<u32>value & 0x7f) | 0x80);
    value >>= 7;
  }
  byte(<u32>value & 0x7f);
}

/** Room for an unsigned integer that becomes known later: five bytes, filled by patch(). */
export function reserve(): u32 {
  const at = position;
  position += 5;
  return at;
}

/** Writes `value` in the five bytes that reserve() gave. */
export function patch(at: u32, value: u32): void {
  for (let i: u32 = 0; i < 4; i++) {
    store<u8>(at + i, <u8>((value & 0x7f) | 0x80));
    value >>= 7;
  }
  store<u8>(at + 4, <u8>value);
}

export function i32Const(value: u32): void {
  byte(I32_CONST);
  signed(<i32>value);
}

export function i64Const(value: i64): void {
  byte(I64_CONST);
  signed(value);
}

export function localGet(index: u32): void {
  byte(LOCAL_GET);
  unsigned(index);
}

export function localSet(index: u32): void {
  byte(LOCAL_SET);
  unsigned(index);
}

export function localTee(index: u32): void {
  byte(LOCAL_TEE);
  unsigned(index);
}

/** A load or store; no alignment is promised. */
export function access(opcode: u32, offset: u32): void {
  byte(opcode);
  byte(0);
  unsigned(offset);
}

/** i64.trunc_sat_f32_s and f64_s: prefix FC. */
export function truncateSaturating(double: bool): void {
  byte(0xfc);
  byte(double ? 6 : 4);
}

/** An opcode of the vector instructions, those with the prefix FD. */
export function vector(opcode: u32): void {
  byte(0xfd);
  unsigned(opcode);
}

/** As access(), for vectors. */
export function vectorAccess(opcode: u32, offset: u32): void {
  vector(opcode);
  byte(0);
  unsigned(offset);
}

export function call(index: u32): void {
  byte(CALL);
  unsigned(index);
}
