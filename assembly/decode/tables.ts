// The decode tables: for each opcode of the four maps its attributes (how to decode it) and its handlers (what it
// does). Each file of execute/ and system/ registers its own instructions, so that an instruction's encoding and
// meaning stand together. An opcode that nobody registers raises #UD.

import { DECODE_ATTRIBUTES, DECODE_HANDLERS } from "../state";

/** A handler runs one decoded instruction, given its address. */
export type Handler = (op: u32) => void;

// Attributes, u32.
/** Has a ModRM byte. */
export const MODRM: u32 = 1;
/** Immediates: 8 bits sign-extended; 8 bits zero-extended; 16 or 32 by operand size, sign-extended; 16 bits; up to 64 (MOV r, imm);
 * a memory offset of address size in OP_IMMEDIATE; ENTER's 16 + 8 (imm = imm16 | imm8 << 16); far pointer (imm = offset | selector << 32). */
export const IMM8S: u32 = 1 << 1;
export const IMM8U: u32 = 2 << 1;
export const IMMZ: u32 = 3 << 1;
export const IMM16: u32 = 4 << 1;
export const IMMV: u32 = 5 << 1;
export const MOFFS: u32 = 6 << 1;
export const IMMENTER: u32 = 7 << 1;
export const IMMFAR: u32 = 8 << 1;
export const IMM_MASK: u32 = 15 << 1;
/** Operand size is a byte, whatever the prefixes. */
export const BYTE: u32 = 1 << 5;
/** Operand size in 64-bit mode is 64 bits unless prefix 66 makes it 16 (push, pop, near branches: with FORCE64 always 64). */
export const DEFAULT64: u32 = 1 << 6;
export const FORCE64: u32 = 1 << 7;
/** Not in 64-bit mode. */
export const NO64: u32 = 1 << 8;
/** LOCK is allowed with a memory destination. */
export const LOCKABLE: u32 = 1 << 9;
/** The block ends after this instruction: it moves RIP itself, or changes what later code means. The handler of an
 * instruction with JUMPS stores RIP itself in every case; without JUMPS, the run loop stores the RIP that follows. */
export const ENDS: u32 = 1 << 10;
export const JUMPS: u32 = 1 << 11;
/** Handlers are chosen by mandatory prefix (none, 66, F3, F2) and not by operand size. */
export const PREFIXED: u32 = 1 << 12;
/** The register operand (OP_REG) is the low three bits of the opcode with REX.B; no ModRM. */
export const REG_IN_OPCODE: u32 = 1 << 13;
/** The immediate of group 3 (TEST) exists only for ModRM.reg 0 and 1. */
export const IMM_IF_TEST: u32 = 1 << 14;
/** r/m names a GPR of byte size whatever OP_WIDTH says (MOVZX, MOVSX from a byte): high-byte registers without REX. */
export const RM_BYTE: u32 = 1 << 15;
/** The r/m field always names a register (MOV CR, MOV DR). */
export const RM_REGISTER_ONLY: u32 = 1 << 16;
/** Default segment is the stack's, as for push and pop (used for #SS). */
export const STACK: u32 = 1 << 17;

/** Handler variants of an opcode: form (0 memory, 1 register) << 5 | ModRM.reg << 2 | width or prefix index. */
export const VARIANTS: u32 = 64;

// Maps
export const ONE: u32 = 0;
export const TWO: u32 = 0x100;
export const MAP_38: u32 = 0x200;
export const MAP_3A: u32 = 0x300;

/** Mandatory prefixes. */
export const PP_NONE: u32 = 0;
export const PP_66: u32 = 1;
export const PP_F3: u32 = 2;
export const PP_F2: u32 = 3;

/** Forms of r/m a handler takes. */
export const FORM_MEMORY: u32 = 1;
export const FORM_REGISTER: u32 = 2;
export const FORM_ANY: u32 = 3;
/** All eight ModRM.reg values. */
export const ANY_REG: u32 = 8;
/** All four widths or prefixes. */
export const ANY_WIDTH: u32 = 4;

/** Attributes of an opcode's variant: they may differ by form and ModRM.reg (FF /0 is INC, FF /4 jumps). */
export function attributesAddress(key: u32, form: u32, reg: u32): u32 {
  return DECODE_ATTRIBUTES + (((key << 4) + (form << 3) + reg) << 2);
}

function set(key: u32, attributes: u32, form: u32, reg: u32, width: u32, handler: Handler): void {
  // A function value points to its index in the table.
  const index = load<u32>(changetype<usize>(handler));
  for (let f: u32 = 0; f < 2; f++) {
    for (let r: u32 = 0; r < 8; r++) {
      const address = attributesAddress(key, f, r);
      // Whether there is a ModRM byte must be known before it is read: it holds for the whole opcode.
      if ((attributes & MODRM) != 0) store<u32>(address, load<u32>(address) | MODRM);
      if ((form & (1 << f)) == 0 || (reg != ANY_REG && reg != r)) continue;
      store<u32>(address, attributes);
      for (let w: u32 = 0; w < 4; w++) {
        if (width != ANY_WIDTH && width != w) continue;
        store<u32>(DECODE_HANDLERS + ((key * VARIANTS + (f << 5) + (r << 2) + w) << 2), index);
      }
    }
  }
}

/** One handler for every variant of an opcode. */
export function define(key: u32, attributes: u32, handler: Handler): void {
  set(key, attributes, FORM_ANY, ANY_REG, ANY_WIDTH, handler);
}

/** Handlers for operand sizes of 16, 32 and 64 bits. */
export function defineWidths(key: u32, attributes: u32, h16: Handler, h32: Handler, h64: Handler): void {
  set(key, attributes, FORM_ANY, ANY_REG, 1, h16);
  set(key, attributes, FORM_ANY, ANY_REG, 2, h32);
  set(key, attributes, FORM_ANY, ANY_REG, 3, h64);
}

/** One handler for ModRM.reg == reg (a group), all operand sizes, both forms. */
export function defineGroup(key: u32, reg: u32, attributes: u32, handler: Handler): void {
  set(key, attributes, FORM_ANY, reg, ANY_WIDTH, handler);
}

/** Handlers for ModRM.reg == reg by operand size. */
export function defineGroupWidths(key: u32, reg: u32, attributes: u32, h16: Handler, h32: Handler, h64: Handler): void {
  set(key, attributes, FORM_ANY, reg, 1, h16);
  set(key, attributes, FORM_ANY, reg, 2, h32);
  set(key, attributes, FORM_ANY, reg, 3, h64);
}

/** One handler for a group member in one form: FORM_MEMORY or FORM_REGISTER. */
export function defineForm(key: u32, reg: u32, form: u32, attributes: u32, handler: Handler): void {
  set(key, attributes, form, reg, ANY_WIDTH, handler);
}

/** Handlers for one form by operand size; `reg` is a ModRM.reg or ANY_REG. */
export function defineFormWidths(
  key: u32,
  reg: u32,
  form: u32,
  attributes: u32,
  h16: Handler,
  h32: Handler,
  h64: Handler,
): void {
  set(key, attributes, form, reg, 1, h16);
  set(key, attributes, form, reg, 2, h32);
  set(key, attributes, form, reg, 3, h64);
}

/** One handler for one mandatory prefix (PP_*); `attributes` gets PREFIXED added. */
export function definePrefixed(key: u32, prefix: u32, attributes: u32, handler: Handler): void {
  set(key, attributes | PREFIXED, FORM_ANY, ANY_REG, prefix, handler);
}

/** One handler for one mandatory prefix, one form, and one ModRM.reg (or ANY_REG); adds PREFIXED. */
export function definePrefixedForm(
  key: u32,
  prefix: u32,
  reg: u32,
  form: u32,
  attributes: u32,
  handler: Handler,
): void {
  set(key, attributes | PREFIXED, form, reg, prefix, handler);
}
