// x87 sequences for the fuzzer: a control word as programs set it, then instructions that mostly find the stack as they
// need it, on numbers that are doubles, or nearly.

import type { CodeWriter } from "./code-writer";

/** Exceptions masked, by precision and rounding; the last two let a few through. */
const CONTROL_WORDS = [0x37f, 0x37f, 0x37f, 0x27f, 0x27f, 0x7f, 0xf7f, 0xb7f, 0x77f, 0x35f, 0x37a];

// Opcode and ModRM.reg of memory forms.
const LOADS = [
  [0xd9, 0],
  [0xdd, 0],
  [0xdd, 0],
  [0xdd, 0],
  [0xdb, 0],
  [0xdf, 0],
  [0xdf, 5],
  [0xdb, 5],
] as const;
const STORES = [
  [0xdd, 3],
  [0xdd, 3],
  [0xdd, 2],
  [0xd9, 3],
  [0xd9, 2],
  [0xdb, 3],
  [0xdb, 2],
  [0xdb, 1],
  [0xdf, 3],
  [0xdf, 7],
  [0xdd, 1],
  [0xdb, 7],
] as const;

/** Starts over with an empty stack and another control word, or goes on; then loads, arithmetic, compares and stores. */
export function x87Numbers(w: CodeWriter): void {
  const { random } = w;
  const memory = ([opcode, reg]: readonly [number, number]): void =>
    w.instruction({ opcode: [opcode], rm: "memory", reg, vector: true });
  if (random.once(2)) {
    // mov dword [address], word; fninit; fldcw [address]
    const address = w.dataAddress();
    w.emit(0xc7, 0x04, 0x25).emit32(address).emit32(random.pick(CONTROL_WORDS));
    w.emit(0xdb, 0xe3, 0xd9, 0x2c, 0x25).emit32(address);
  }
  for (let count = 1 + random.below(3); count > 0; count--) {
    if (random.once(5)) w.emit(0xd9, 0xe8 + random.below(7));
    else memory(random.pick(LOADS));
  }
  for (let count = random.below(5); count > 0; count--) {
    const i = random.below(random.once(6) ? 8 : 3);
    switch (random.below(8)) {
      case 0:
      case 1:
        // FADD to FDIVR, FCOM and FCOMP of memory.
        memory([random.pick([0xd8, 0xdc, 0xdc, 0xda, 0xde]), random.below(8)]);
        break;
      case 2:
      case 3:
        w.emit(random.pick([0xd8, 0xdc, 0xde]), 0xc0 | (random.pick([0, 1, 4, 5, 6, 7]) << 3) | i);
        break;
      case 4:
        // FLD ST(i), FXCH, FST and FSTP ST(i), FUCOM(P).
        w.emit(
          ...random.pick([
            [0xd9, 0xc0 | i],
            [0xd9, 0xc8 | i],
            [0xdd, 0xd0 | (i + 8 * random.below(4))],
          ]),
        );
        break;
      case 5:
        // FUCOMI, FCOMI and their popping forms, then a condition.
        w.emit(random.pick([0xdb, 0xdf]), 0xe8 | (random.below(2) * 0x18) | i);
        w.emit(0x0f, 0x90 | random.below(16), 0xc2);
        break;
      case 6:
        // FCHS, FABS, FNSTSW AX and SAHF, FSQRT, FRNDINT.
        w.emit(
          ...random.pick([
            [0xd9, 0xe0],
            [0xd9, 0xe1],
            [0xdf, 0xe0],
            [0xdf, 0xe0, 0x9e],
            [0xd9, 0xfa],
            [0xd9, 0xfc],
          ]),
        );
        break;
      default:
        memory(random.pick(STORES));
    }
  }
  memory(random.pick(STORES));
}
