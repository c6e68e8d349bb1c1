/** Bits of the mask of recent opcode bytes that still allow a conversion, and which byte of the operand they touch. */
const MASK_ALLOWED = [true, true, true, false, true, false, false, false];
const MASK_BYTE = [0, 1, 2, 2, 3, 3, 3, 3];

const isSignByte = (value: number): boolean => value === 0x00 || value === 0xff;

/**
 * Undoes the x86 branch/call/jump filter of .xz in place, from position 0: the operands of CALL and JMP (E8, E9) that
 * the packer made absolute become relative again. As the packer did, opcode bytes that lie within three bytes before
 * another are remembered in a mask, because they may be part of its operand.
 */
export function undoX86Filter(bytes: Uint8Array): void {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  let mask = 0;
  let previous = -1;
  for (let position = 0; position + 5 <= bytes.length; position++) {
    if ((bytes[position]! & 0xfe) !== 0xe8) continue;
    const distance = position - previous;
    previous = position;
    mask = distance > 3 ? 0 : (mask << (distance - 1)) & 7;
    if (mask !== 0 && (!MASK_ALLOWED[mask] || isSignByte(bytes[position + 4 - MASK_BYTE[mask]!]!))) {
      mask = (mask << 1) | 1;
      continue;
    }
    if (!isSignByte(bytes[position + 4]!)) {
      mask = (mask << 1) | 1;
      continue;
    }
    let operand = view.getUint32(position + 1, true);
    let relative: number;
    for (;;) {
      relative = (operand - (position + 5)) >>> 0;
      if (mask === 0) break;
      const shift = MASK_BYTE[mask]! * 8;
      if (!isSignByte((relative >>> (24 - shift)) & 0xff)) break;
      operand = (relative ^ (2 ** (32 - shift) - 1)) >>> 0;
    }
    // 25 bits, sign-extended.
    view.setInt32(position + 1, (relative << 7) >> 7, true);
    position += 4;
    mask = 0;
  }
}
