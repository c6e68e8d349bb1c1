// What programs are made of: instructions of all families, and short sequences around the ones that need preparation.

import { RAX, RBP, RCX, RDX, RSP, type CodeWriter, type Form } from "./code-writer";
import { PORT_INTERRUPT, PORT_LIMIT, PORT_NMI, PORT_STOP, PORT_WRITE_MEMORY } from "./engine";
import {
  COUNTER,
  DATA,
  DATA_BASED,
  DATA_DOWN,
  DATA_LIMITED,
  DATA_PAGES,
  DATA_READ_ONLY,
  CODE,
  CODE_PAGES,
  STACK_TOP,
  TWIN,
  entryAddress,
  flatCode,
  flatData,
  pageEntry,
} from "./world";
import { x87Numbers } from "./x87-pieces";

type Write = (w: CodeWriter) => void;

const repeat = (count: number, make: (n: number) => Form): Form[] => Array.from({ length: count }, (_, n) => make(n));

/** 00..3D: eight operations in six forms. */
const ARITHMETIC: readonly Form[] = [0, 1, 2, 3, 4, 5, 6, 7].flatMap((operation): Form[] => [
  { opcode: [operation * 8], rm: "any", lock: true },
  { opcode: [operation * 8 + 1], rm: "any", sizes: true, lock: true },
  { opcode: [operation * 8 + 2], rm: "any" },
  { opcode: [operation * 8 + 3], rm: "any", sizes: true },
  { opcode: [operation * 8 + 4], immediate: 1 },
  { opcode: [operation * 8 + 5], immediate: "z", sizes: true },
  { opcode: [0x80], rm: "any", reg: operation, immediate: 1, lock: true },
  { opcode: [0x81], rm: "any", reg: operation, immediate: "z", sizes: true, lock: true },
  { opcode: [0x83], rm: "any", reg: operation, immediate: 1, sizes: true, lock: true },
]);

const MOVES: readonly Form[] = [
  { opcode: [0x88], rm: "any" },
  { opcode: [0x89], rm: "any", sizes: true },
  { opcode: [0x8a], rm: "any" },
  { opcode: [0x8b], rm: "any", sizes: true },
  { opcode: [0x8d], rm: "memory", sizes: true },
  { opcode: [0x8d], rm: "any" },
  { opcode: [0xc6], rm: "any", reg: 0, immediate: 1 },
  { opcode: [0xc7], rm: "any", reg: 0, immediate: "z", sizes: true },
  { opcode: [0x63], rm: "any", sizes: true },
  { opcode: [0x0f, 0xb6], rm: "any", sizes: true },
  { opcode: [0x0f, 0xb7], rm: "any", sizes: true },
  { opcode: [0x0f, 0xbe], rm: "any", sizes: true },
  { opcode: [0x0f, 0xbf], rm: "any", sizes: true },
  { opcode: [0x86], rm: "any", lock: true },
  { opcode: [0x87], rm: "any", sizes: true, lock: true },
  { opcode: [0x0f, 0xc0], rm: "any", lock: true },
  { opcode: [0x0f, 0xc1], rm: "any", sizes: true, lock: true },
  { opcode: [0x0f, 0xb0], rm: "any", lock: true },
  { opcode: [0x0f, 0xb1], rm: "any", sizes: true, lock: true },
  { opcode: [0x0f, 0xc7], rm: "memory", reg: 1, lock: true },
  { opcode: [0x0f, 0xc3], rm: "memory" },
  { opcode: [0x0f, 0x38, 0xf0], rm: "memory", sizes: true },
  { opcode: [0x0f, 0x38, 0xf1], rm: "memory", sizes: true },
  { opcode: [0x0f, 0x1f], rm: "any", reg: 0, sizes: true },
  { opcode: [0xa8], immediate: 1 },
  { opcode: [0xa9], immediate: "z", sizes: true },
  { opcode: [0x84], rm: "any" },
  { opcode: [0x85], rm: "any", sizes: true },
  { opcode: [0xd7] },
];

const SINGLE: readonly Form[] = [
  ...[0x98, 0x99].map((code): Form => ({ opcode: [code], sizes: true })),
  ...repeat(8, (n) => ({ opcode: [n === RSP ? 0x90 : 0x90 + n], sizes: true })),
  ...repeat(8, (n) => ({ opcode: [0x0f, 0xc8 + (n === RSP ? 0 : n)] })),
  ...[0xf5, 0xf8, 0xf9, 0x9e, 0x9f].map((code): Form => ({ opcode: [code] })),
  ...[0xfc, 0xfc, 0xfd].map((code): Form => ({ opcode: [code] })),
  ...[0x27, 0x2f, 0x37, 0x3f].map((code): Form => ({ opcode: [code] })),
  { opcode: [0xd4], immediate: 1 },
  { opcode: [0xd5], immediate: 1 },
  { opcode: [0x0f, 0xae], rm: "register", reg: 5 },
  { opcode: [0x0f, 0x31] },
];

const UNARY: readonly Form[] = [
  { opcode: [0xfe], rm: "any", reg: 0, lock: true },
  { opcode: [0xfe], rm: "any", reg: 1, lock: true },
  { opcode: [0xff], rm: "any", reg: 0, sizes: true, lock: true },
  { opcode: [0xff], rm: "any", reg: 1, sizes: true, lock: true },
  ...repeat(8, (reg): Form => ({ opcode: [0xf6], rm: "any", reg, immediate: reg < 2 ? 1 : 0, lock: true })),
  ...repeat(8, (reg): Form => ({
    opcode: [0xf7],
    rm: "any",
    reg,
    immediate: reg < 2 ? "z" : 0,
    sizes: true,
    lock: true,
  })),
  { opcode: [0x69], rm: "any", immediate: "z", sizes: true },
  { opcode: [0x6b], rm: "any", immediate: 1, sizes: true },
  { opcode: [0x0f, 0xaf], rm: "any", sizes: true },
];

const SHIFTS: readonly Form[] = repeat(8, (reg) => reg as unknown as Form).flatMap((_, reg): Form[] => [
  { opcode: [0xc0], rm: "any", reg, immediate: 1 },
  { opcode: [0xc1], rm: "any", reg, immediate: 1, sizes: true },
  { opcode: [0xd0], rm: "any", reg },
  { opcode: [0xd1], rm: "any", reg, sizes: true },
  { opcode: [0xd2], rm: "any", reg },
  { opcode: [0xd3], rm: "any", reg, sizes: true },
]);

const BITS: readonly Form[] = [
  { opcode: [0x0f, 0xa4], rm: "any", immediate: 1, sizes: true },
  { opcode: [0x0f, 0xa5], rm: "any", sizes: true },
  { opcode: [0x0f, 0xac], rm: "any", immediate: 1, sizes: true },
  { opcode: [0x0f, 0xad], rm: "any", sizes: true },
  ...[4, 5, 6, 7].map((reg): Form => ({
    opcode: [0x0f, 0xba],
    rm: "any",
    reg,
    immediate: 1,
    sizes: true,
    lock: true,
  })),
  ...[0xa3, 0xab, 0xb3, 0xbb].map((code): Form => ({ opcode: [0x0f, code], rm: "register", sizes: true })),
  { opcode: [0x0f, 0xbc], rm: "any", sizes: true },
  { opcode: [0x0f, 0xbd], rm: "any", sizes: true },
  { opcode: [0x0f, 0xb8], prefix: 0xf3, rm: "any" },
  { opcode: [0x0f, 0x38, 0xf0], prefix: 0xf2, rm: "any" },
  { opcode: [0x0f, 0x38, 0xf1], prefix: 0xf2, rm: "any" },
];

const CONDITIONAL: readonly Form[] = [
  ...repeat(16, (n) => ({ opcode: [0x0f, 0x40 + n], rm: "any" as const, sizes: true })),
  ...repeat(16, (n) => ({ opcode: [0x0f, 0x90 + n], rm: "any" as const, reg: 0 })),
];

const vector = (opcode: number[], prefix: number, immediate = 0, rm: Form["rm"] = "any"): Form => ({
  opcode: [0x0f, ...opcode],
  prefix,
  rm: rm as "any",
  vector: true,
  immediate,
});

/** For each prefix the opcodes that have a form with it. */
const VECTOR_CODES: readonly (readonly [number, readonly number[]])[] = [
  [0, [0x10, 0x11, 0x12, 0x13, 0x14, 0x15, 0x16, 0x17, 0x28, 0x29, 0x2a, 0x2b, 0x2c, 0x2d, 0x2e, 0x2f, 0x50]],
  [0, [0x51, 0x52, 0x53, 0x54, 0x55, 0x56, 0x57, 0x58, 0x59, 0x5a, 0x5b, 0x5c, 0x5d, 0x5e, 0x5f, 0x6e, 0x6f]],
  [0, [0x60, 0x61, 0x63, 0x67, 0x68, 0x6b, 0x74, 0x7e, 0x7f, 0xd1, 0xd4, 0xd7, 0xdb, 0xe7, 0xef, 0xf4, 0xf6, 0xfe]],
  [0x66, [0x10, 0x11, 0x12, 0x13, 0x14, 0x15, 0x16, 0x17, 0x28, 0x29, 0x2a, 0x2b, 0x2c, 0x2d, 0x2e, 0x2f, 0x50]],
  [0x66, [0x51, 0x54, 0x55, 0x56, 0x57, 0x58, 0x59, 0x5a, 0x5b, 0x5c, 0x5d, 0x5e, 0x5f, 0x60, 0x61, 0x62, 0x63]],
  [0x66, [0x64, 0x65, 0x66, 0x67, 0x68, 0x69, 0x6a, 0x6b, 0x6c, 0x6d, 0x6e, 0x6f, 0x74, 0x75, 0x76, 0x7c, 0x7d]],
  [0x66, [0x7e, 0x7f, 0xd1, 0xd2, 0xd3, 0xd4, 0xd5, 0xd6, 0xd7, 0xd8, 0xd9, 0xda, 0xdb, 0xdc, 0xdd, 0xde, 0xdf]],
  [0x66, [0xe0, 0xe1, 0xe2, 0xe3, 0xe4, 0xe5, 0xe6, 0xe7, 0xe8, 0xe9, 0xea, 0xeb, 0xec, 0xed, 0xee, 0xef, 0xf1]],
  [0x66, [0xf2, 0xf3, 0xf4, 0xf5, 0xf6, 0xf8, 0xf9, 0xfa, 0xfb, 0xfc, 0xfd, 0xfe]],
  [0xf3, [0x10, 0x11, 0x12, 0x16, 0x2a, 0x2c, 0x2d, 0x51, 0x52, 0x53, 0x58, 0x59, 0x5a, 0x5b, 0x5c, 0x5d, 0x5e]],
  [0xf3, [0x5f, 0x6f, 0x7e, 0x7f, 0xd6, 0xe6]],
  [0xf2, [0x10, 0x11, 0x12, 0x2a, 0x2c, 0x2d, 0x51, 0x58, 0x59, 0x5a, 0x5c, 0x5d, 0x5e, 0x5f, 0x7c, 0xd0, 0xd6]],
  [0xf2, [0xe6, 0xf0]],
];

const VECTORS: readonly Form[] = [
  ...VECTOR_CODES.flatMap(([prefix, codes]) => codes.map((code) => vector([code], prefix))),
  ...[0, 0x66, 0xf2, 0xf3].flatMap((prefix) => [vector([0x70], prefix, 1), vector([0xc2], prefix, 1)]),
  ...[0, 0x66].flatMap((prefix) => [0xc4, 0xc5, 0xc6].map((code) => vector([code], prefix, 1))),
  ...[0x71, 0x72, 0x73].flatMap((code) =>
    [2, 3, 4, 6, 7].map((reg): Form => ({ ...vector([code], 0x66, 1, "register"), reg })),
  ),
  ...[0x00, 0x08, 0x10, 0x17, 0x1c, 0x20, 0x28, 0x29, 0x2a, 0x2b, 0x37, 0x38, 0x39, 0x3a, 0x3b, 0x3c, 0x3d, 0x3e]
    .concat([0x3f, 0x40])
    .map((code) => vector([0x38, code], 0x66)),
  ...[0x08, 0x0f, 0x0f, 0x16, 0x22, 0x40, 0x63].map((code) => vector([0x3a, code], 0x66, 1)),
  // LDMXCSR, STMXCSR.
  { opcode: [0x0f, 0xae], rm: "memory", reg: 2 },
  { opcode: [0x0f, 0xae], rm: "memory", reg: 3 },
  // UCOMISD, COMISS.
  vector([0x2e], 0x66),
  vector([0x2f], 0),
  vector([0x77], 0),
];

/** What scalar code does most. */
const SCALARS: readonly Form[] = [0xf2, 0xf3].flatMap((prefix) => [
  ...[0x51, 0x58, 0x59, 0x5c, 0x5d, 0x5e, 0x5f, 0x5a].map((code) => vector([code], prefix)),
  ...[0x10, 0x11, 0x2a, 0x2a, 0x2c, 0x2d].map((code) => vector([code], prefix)),
  ...[0x2e, 0x2f, 0x54, 0x57, 0x28].map((code) => vector([code], prefix === 0xf2 ? 0x66 : 0)),
]);

/** Scalar arithmetic and conversions in both formats, and compares, of registers. */
const FLOAT_OPERATIONS: readonly Form[] = [0xf2, 0xf3].flatMap((prefix) =>
  [0x10, 0x11, 0x2a, 0x2c, 0x2d, 0x51, 0x58, 0x58, 0x59, 0x59, 0x5a, 0x5c, 0x5c, 0x5d, 0x5e, 0x5e, 0x5f].map((code) =>
    vector([code], prefix, 0, "register"),
  ),
);
const FLOAT_COMPARES: readonly Form[] = [0, 0x66].flatMap((prefix) =>
  [0x2e, 0x2f].map((code) => vector([code], prefix, 0, "register")),
);

/** Numbers where arithmetic has its edges, as binary64 and as two of binary32. */
const FLOAT_EDGES: readonly bigint[] = [
  ...[0n, 1n, 0x3ff0000000000000n, 0xbff8000000000000n, 0x3fb999999999999an, 0x41dfffffffc00000n, 0x41e0000000000000n],
  ...[0x43e0000000000000n, 0xc3e0000000000000n, 0xc1e0000000000000n, 0x000fffffffffffffn, 0x0010000000000000n],
  ...[0x0020000000000000n, 0x7fefffffffffffffn, 0x7ff0000000000000n, 0x7ff8000000000000n, 0x7ff0000000000001n],
  ...[0x3810000000000000n, 0x3800000000000000n, 0x47efffffe0000000n, 0x7f7fffff00000001n, 0x008000003f800000n],
  ...[0x007fffff3dcccccdn, 0x4effffff4f000000n, 0x7f8000007fc00000n, 0x3f000000bf800000n, 0x40000000c0000000n],
];

/** Gives XMM registers numbers, MXCSR now and then another setting, and reckons with both. */
const floats: Write = (w) => {
  const { random } = w;
  const registers = 4;
  if (random.once(3)) {
    // mov dword [address], setting; ldmxcsr [address]
    const setting = random.pick([
      0x1fa0, 0x1fa0, 0x1fa0, 0x1f80, 0x1f80, 0x3fa0, 0x7fa0, 0x9fa0, 0x1fe0, 0x0fa0, 0x1f20,
    ]);
    const address = w.dataAddress();
    w.emit(0xc7, 0x04, 0x25).emit32(address).emit32(setting).emit(0x0f, 0xae, 0x14, 0x25).emit32(address);
  }
  for (let count = 1 + random.below(3); count > 0; count--) {
    // mov rax, number; movq or movd xmm, rax
    const number = random.once(3) ? random.value(64) : random.pick(FLOAT_EDGES) ^ (BigInt(random.below(2)) << 63n);
    const wide = w.is64 && !random.once(3);
    w.load(RAX, wide ? number : number & 0xffffffffn).emit(0x66, ...(wide ? [0x48] : []), 0x0f, 0x6e);
    w.emit(0xc0 | (random.below(registers) << 3));
  }
  for (let count = 1 + random.below(6); count > 0; count--) {
    const form = random.pick(random.once(4) ? FLOAT_COMPARES : FLOAT_OPERATIONS);
    const general = form.opcode[1] === 0x2a || form.opcode[1] === 0x2c || form.opcode[1] === 0x2d;
    const wide = general && w.is64 && random.once(2);
    const registerField = random.below(general ? 3 : registers);
    w.emit(...(form.prefix ? [form.prefix] : []), ...(wide ? [0x48] : []), ...form.opcode);
    w.emit(0xc0 | (registerField << 3) | random.below(general ? 3 : registers));
    if (form.prefix !== 0xf2 && form.prefix !== 0xf3) w.instruction({ ...random.pick(CONDITIONAL), rm: "register" });
  }
};

const X87: readonly Form[] = repeat(8, (n) => ({ opcode: [0xd8 + n], rm: "any" as const, vector: true }));

function one(forms: readonly Form[]): Write {
  return (w) => w.instruction(w.random.pick(forms));
}

/** Any opcode at all, mostly undefined in its form or privileged. */
const anything: Write = (w) => {
  const { random } = w;
  const map = random.pick([[], [], [0x0f], [0x0f], [0x0f, 0x38], [0x0f, 0x3a]]);
  const code = random.below(256);
  // HLT and far jumps come of themselves elsewhere, and end too much here.
  if (map.length === 0 && [0x0f, 0xf4, 0xea, 0x9a, 0xca, 0xcb, 0xc8].includes(code)) return;
  w.instruction({ opcode: [...map, code], rm: "any", immediate: random.below(3) === 0 ? 1 : 0, sizes: true });
};

const jumpIf: Write = (w) => {
  const { random } = w;
  const condition = random.below(16);
  // Over an instruction, or to another chunk.
  if (random.once(2)) w.emit(0x70 | condition, 2 + random.below(12));
  else w.jumpTo(random.pick(w.chunks), 0x0f, 0x80 | condition);
};

/** Back to the beginning of the chunk, as long as a counter in memory says. */
const loop: Write = (w) => {
  const first = w.pieces[0];
  if (!first) return;
  const counter = DATA + w.random.below(64) * 4;
  const address = w.is64 ? [0x04, 0x25] : [0x05];
  const back = w.pieces[w.random.below(w.pieces.length)] ?? first;
  w.emit(0xff, 0x08 | (address[0] as number), ...address.slice(1)).emit32(counter);
  // Down to a multiple of 16.
  w.emit(0xf6, address[0] as number, ...address.slice(1))
    .emit32(counter)
    .emit(15);
  w.jumpTo(back.address, 0x0f, 0x85);
};

const loopInstruction: Write = (w) => {
  const back = w.pieces[w.pieces.length - 1];
  if (!back || w.here - back.address > 110) return;
  w.emit(w.random.pick([0xe0, 0xe1, 0xe2, 0xe3]), back.address - (w.here + 2));
};

const call: Write = (w) => {
  const { random } = w;
  switch (random.below(5)) {
    case 0:
    case 1:
      return w.jumpTo(random.pick(w.chunks), 0xe8);
    case 2:
      w.load(RAX, random.pick(w.chunks));
      w.emit(0xff, random.once(2) ? 0xd0 : 0xe0);
      return;
    case 3:
      return w.instruction({ opcode: [0xff], rm: "memory", reg: random.once(2) ? 2 : 4, wide: false });
    default:
      w.load(RAX, random.pick(w.chunks));
      w.emit(0x50, random.once(4) ? 0xc2 : 0xc3);
      if (w.here % 2 === 0) w.emit(random.below(16), 0);
  }
};

/** Past the end of this page: in the highest page of the lower half, to where no address is canonical. */
const jumpAhead: Write = (w) => {
  const { random } = w;
  const target = ((w.here + 0xfff) & ~0xfff) + random.below(0x40);
  w.jumpTo(target, ...random.pick([[0xe8], [0xe9], [0x0f, 0x84], [0x0f, 0x85], [0x0f, 0x82]]));
};

/** From 64-bit code to compatibility mode, a loop there, and back. */
const switchMode: Write = (w) => {
  const { random, world } = w;
  if (!w.is64) return;
  const count = random.below(12) + 1;
  // mov ebp, count; push CS; push target; retfq
  w.load(5, count);
  w.emit(0x6a, flatCode("compatibility", world.user) | (world.user ? 3 : 0), 0x68);
  w.emit32(w.here + 4 + 2);
  w.emit(0x48, 0xcb);
  const start = w.here;
  for (let n = random.below(6) + 2; n > 0; n--) {
    w.emit(
      ...random.pick([
        [0x01, 0xd8],
        [0x39, 0xd1],
        [0x83, 0xd2, 0x11],
        [0x50, 0x5a],
        [0x8b, 0x03],
        [0x01, 0x06],
        [0x8d, 0x44, 0x8a, 0x05],
        [0xf7, 0xe1],
        [0xc1, 0xe9, 0x03],
        [0x40],
        [0x11, 0xc0],
        [0x8b, 0x44, 0x24, 0x04],
      ]),
    );
  }
  // dec ebp; jnz start; jmp far back
  w.emit(0x4d, 0x75, start - (w.here + 3));
  w.emit(0xea).emit32(w.here + 7 - 1);
  w.emit(flatCode("long", world.user) | (world.user ? 3 : 0), 0);
};

const ret: Write = (w) => {
  if (w.random.once(3)) w.emit(0xc2, w.random.below(4) * 8, 0);
  else w.emit(0xc3);
};

const stack: Write = (w) => {
  const { random } = w;
  switch (random.below(10)) {
    case 0:
    case 1:
    case 2:
      return w.instruction({ opcode: [0x50 + random.below(8)], wide: false, sizes: random.once(4) });
    case 3:
    case 4:
    case 5: {
      const register = random.below(8);
      return w.instruction({ opcode: [0x58 + (register === RSP && !random.once(10) ? RAX : register)], wide: false });
    }
    case 6:
      return w.instruction({ opcode: [0x68], wide: false, immediate: "z", sizes: random.once(6) });
    case 7:
      return w.instruction({ opcode: [0xff], rm: "any", reg: 6, wide: false, sizes: random.once(6) });
    case 8:
      return w.instruction({ opcode: [0x8f], rm: "any", reg: 0, wide: false, sizes: random.once(6) });
    default:
      if (random.once(3)) w.emit(random.pick([0x60, 0x61]));
      else if (random.once(2)) w.emit(0xc8, random.below(64), 0, random.below(3));
      else {
        // LEAVE, with a frame pointer that holds.
        w.emit(...(w.is64 ? [0x48] : []), 0x89, 0xe5);
        w.emit(0xc9);
      }
  }
};

const freshStack: Write = (w) => {
  w.load(RSP, STACK_TOP - 0x400 - w.random.below(16) * 8 - (w.random.once(10) ? w.random.below(8) : 0));
};

const freshPointer: Write = (w) => {
  const register = w.random.pick(w.is64 ? [3, 6, 7, 13] : [3, 6, 7]);
  if (w.is64 && w.random.once(24))
    w.load(register, w.random.pick([0x7ffffffffff8n, 0xfffffffffffffffcn, 0x800000000000n]));
  else if (w.random.once(24)) w.load(register, 0xfffffffe);
  else w.load(register, w.dataAddress());
};

const freshIndex: Write = (w) => void w.load(w.random.pick([RCX, RDX]), w.random.below(300));

const string: Write = (w) => {
  const { random } = w;
  const repeated = random.below(3);
  w.load(RCX, random.below(random.pick([4, 40, 400])));
  if (random.once(2)) w.load(7, w.dataAddress());
  if (random.once(2)) w.load(6, w.dataAddress());
  if (random.once(6)) w.emit(0xfd);
  if (random.once(8)) w.emit(0x66);
  if (random.once(16)) w.emit(0x67);
  if (repeated > 0) w.emit(repeated === 1 ? 0xf3 : 0xf2);
  if (w.is64 && random.once(3)) w.emit(0x48);
  w.emit(random.pick([0xa4, 0xa5, 0xa6, 0xa7, 0xaa, 0xab, 0xac, 0xad, 0xae, 0xaf, 0x6c, 0x6d, 0x6e, 0x6f]));
  if (random.once(3)) w.emit(0xfc);
};

/** BT and its kin by a register, whose offset reaches beyond the operand, up or down. */
const bitString: Write = (w) => {
  const { random } = w;
  const index = random.pick([RCX, RDX]);
  w.load(index, random.below(random.pick([64, 4000])) - (random.once(3) ? 2000 : 0));
  // Sign-extended, in 64-bit code: movsxd.
  if (w.is64) w.emit(0x48, 0x63, 0xc0 | (index << 3) | index);
  w.instruction({
    opcode: [0x0f, random.pick([0xa3, 0xab, 0xb3, 0xbb])],
    rm: "any",
    reg: index,
    sizes: true,
    lock: true,
  });
};

/** The host's ports: some of them ask for an interrupt, end the run, or change memory. */
const port: Write = (w) => {
  const { random } = w;
  const number = random.pick([
    PORT_INTERRUPT,
    PORT_INTERRUPT,
    PORT_LIMIT,
    PORT_STOP,
    PORT_WRITE_MEMORY,
    PORT_NMI,
    0x40,
  ]);
  if (number === PORT_WRITE_MEMORY) w.load(RAX, w.codeAddress());
  if (random.once(3)) {
    w.load(RDX, number);
    w.emit(random.pick([0xec, 0xed, 0xee, 0xef]));
  } else w.emit(random.pick([0xe4, 0xe5, 0xe6, 0xe7]), number);
};

/** Writes to code: what follows at once, an immediate of it, another place, by whatever address leads there. */
const modifyCode: Write = (w) => {
  const { random } = w;
  if (random.once(2)) {
    // mov byte [next + 1], value; mov eax, value
    const value = random.below(256);
    if (w.is64) w.emit(0xc6, 0x05).emit32(2).emit(value);
    else
      w.emit(0xc6, 0x05)
        .emit32(w.here + 8)
        .emit(value);
    w.emit(0x90).emit(0xb8).emit32(random.next());
    return;
  }
  const alias = random.once(4);
  const address = alias ? DATA + 12 * 0x1000 + random.below(0x1000) : w.codeAddress();
  const size = random.pick([0xc6, 0xc7]);
  w.emit(size, ...(w.is64 ? [0x04, 0x25] : [0x05])).emit32(address);
  // Harmless bytes, mostly.
  const filler = random.pick([0x90, 0x90, 0x40, 0xf8, 0x91, random.below(256)]);
  for (let n = 0; n < (size === 0xc6 ? 1 : 4); n++) w.emit(filler);
};

/** Changes the mapping of a page and says so. */
const changeMapping: Write = (w) => {
  const { random, world } = w;
  if (world.paging === "none" || world.user) return;
  const page = random.once(3) ? (CODE >> 12) + random.below(CODE_PAGES) : (DATA >> 12) + random.below(DATA_PAGES);
  const other = random.once(3) ? (CODE >> 12) + random.below(CODE_PAGES) : (DATA >> 12) + random.below(DATA_PAGES);
  const present = random.once(4) ? 0 : 1;
  const flags = present | (random.once(4) ? 0 : 2) | (world.smap && random.once(3) ? 4 : 0);
  const isCode = page < DATA >> 12;
  const value = isCode && random.once(2) ? Number(pageEntry(world, page) & 0xffffffffn) : (other << 12) | flags;
  const absolute = w.is64 ? [0x04, 0x25] : [0x05];
  w.emit(0xc7, ...absolute)
    .emit32(entryAddress(world, page))
    .emit32(value);
  if (random.once(3)) {
    // mov rax, cr3; mov cr3, rax
    w.emit(0x0f, 0x20, 0xd8, 0x0f, 0x22, 0xd8);
  } else w.emit(0x0f, 0x01, 0x38 | (absolute[0] as number), ...absolute.slice(1)).emit32(page << 12);
};

/** A loop that runs code on another page, which it maps to one or the other of two pages now and then. */
const twinPages: Write = (w) => {
  const { random, world } = w;
  if (world.paging === "none" || world.user) return;
  const absolute = w.is64 ? [0x04, 0x25] : [0x05];
  const [form, ...sib] = absolute as [number, ...number[]];
  const counter = DATA + 0x200 + random.below(16) * 4;
  w.emit(0xc7, form, ...sib)
    .emit32(counter)
    .emit32(60 + random.below(120));
  const start = w.here;
  // test byte [counter], mask; jnz over the change of the mapping
  w.emit(0xf6, form, ...sib)
    .emit32(counter)
    .emit(random.pick([0, 3, 7, 31]));
  const change = 10 + 2 * sib.length + 7;
  w.emit(0x75, change);
  w.emit(0x81, 0x30 | form, ...sib)
    .emit32(entryAddress(world, TWIN >> 12))
    .emit32(0x1000);
  w.emit(0x0f, 0x01, 0x38 | form, ...sib).emit32(TWIN & ~0xfff);
  if (random.once(2)) w.jumpTo(TWIN, 0xe8);
  else {
    // push the place after the jump; jmp
    w.emit(0x68).emit32(w.here + 9);
    w.jumpTo(TWIN, 0xe9);
  }
  w.emit(0xff, 0x08 | form, ...sib).emit32(counter);
  w.jumpTo(start, 0x0f, 0x85);
};

const segments: Write = (w) => {
  const { random, world } = w;
  const rpl = world.user ? 3 : 0;
  const flat = flatData(world.user);
  const selector = random.pick([flat, flat, flat, DATA_LIMITED, DATA_BASED, DATA_DOWN, DATA_READ_ONLY, 0]);
  w.load(RAX, selector | rpl);
  const segment = random.pick([0xc0, 0xd8, 0xd8, 0xe0, 0xe8]);
  if (random.once(3) && !w.is64) w.emit(0x50, segment === 0xc0 ? 0x07 : 0x1f);
  else w.emit(0x8e, segment);
};

/** Privileged instructions and those that look at the system; each may fault by the mode. */
const system: Write = (w) => {
  const { random } = w;
  const choices: readonly (() => void)[] = [
    () => w.emit(0xfa),
    () => w.emit(0xfb),
    () => w.emit(0xfa, 0x90, 0xfb),
    () => w.emit(0x9c),
    () => {
      // push flags; popf: DF, IF, status, now and then TF, AC, NT.
      const odd = random.once(6) ? random.pick([0x100, 0x40000, 0x4000, 0x400, 0x200000]) : 0;
      const interrupts = random.once(4) ? 0 : 0x200;
      w.emit(0x68)
        .emit32((random.next() & 0x8d5) | interrupts | odd | 0x3002)
        .emit(0x9d);
    },
    () => w.emit(0xcc),
    () => w.emit(0xcd, 0x30),
    () => w.emit(0xce),
    () => w.emit(0xf1),
    () => w.emit(0x0f, 0xa2),
    () => w.emit(0x0f, 0x01, 0xca),
    () => w.emit(0x0f, 0x01, 0xcb),
    () => w.emit(0x0f, 0x01, 0xf8),
    () => w.emit(0x0f, 0x01, 0xf9),
    () => w.emit(0x0f, 0x06),
    () => w.emit(0x0f, 0x0b),
    () => w.emit(0x0f, 0x01, 0xc1),
    () => w.emit(0xf4),
    () => w.instruction({ opcode: [0x0f, 0x01], rm: "any", reg: random.pick([0, 1, 4]) }),
    () => w.instruction({ opcode: [0x0f, 0x00], rm: "any", reg: random.pick([0, 1, 4, 5]) }),
    () => w.instruction({ opcode: [0x0f, random.pick([0x02, 0x03])], rm: "any" }),
    () => w.instruction({ opcode: [0x8c], rm: "any", reg: random.below(6), sizes: true }),
    () => w.emit(0x0f, 0x20, 0xc0 | (random.pick([0, 2, 3, 4]) << 3) | RDX),
    () => w.emit(0x0f, 0x20, 0xc0, 0x0f, 0x22, 0xc0),
    () => w.emit(0x0f, 0x20, 0xe0, 0x0f, 0x22, 0xe0),
    () => w.emit(0x0f, 0x21, 0xc0 | (random.pick([0, 6, 7]) << 3) | RDX),
    () => {
      // Breakpoints on and off: mov eax, ...; mov dr0, rax; mov eax, ...; mov dr7, rax
      w.load(RAX, random.once(3) ? random.pick(w.chunks) : w.dataAddress()).emit(0x0f, 0x23, 0xc0);
      w.load(RAX, random.once(2) ? 0x400 : 0x402 | ((random.next() & 0xf0000) >>> 0)).emit(0x0f, 0x23, 0xf8);
    },
    () => {
      // FS.base and GS.base: mov ecx, 0xc0000100; wrmsr
      w.load(RDX, 0)
        .load(RAX, w.dataAddress())
        .load(RCX, 0xc0000100 + random.below(3))
        .emit(0x0f, 0x30);
    },
    () => w.load(RCX, random.pick([0x10, 0x1b, 0xc0000080, 0xc0000102, 0x12345])).emit(0x0f, 0x32),
    () => w.instruction({ opcode: [0x0f, 0xae], prefix: 0xf3, rm: "register", reg: random.below(4) }),
    () => w.instruction({ opcode: [0x0f, 0xae], rm: "memory", reg: random.pick([0, 1, 3, 7]) }),
    () => w.emit(0x8e, 0xd0),
    () => {
      // SSE turned off and, as a rule, on again: mov eax, cr0; xor eax, TS or EM; mov cr0, eax; clts
      const toggle = [0x0f, 0x20, 0xc0, 0x83, 0xf0, random.pick([8, 8, 8, 4]), 0x0f, 0x22, 0xc0];
      w.emit(...toggle).instruction(random.pick(VECTORS));
      w.emit(...(random.once(3) ? toggle : [0x0f, 0x06]));
    },
    () => w.instruction({ opcode: [random.pick([0xc4, 0xc5])], rm: "memory" }),
    () => w.instruction({ opcode: [0x62], rm: "memory" }),
    () => w.emit(...(w.is64 ? [0x8b, 0x04, 0x25] : [0xa1])).emit32(COUNTER),
    () => w.instruction({ opcode: [random.pick([0xa0, 0xa1, 0xa2, 0xa3])], immediate: 4, wide: false }),
  ];
  random.pick(choices)();
};

/** A function of a few instructions, as compilers make them: one that says where it was called from, or any other. */
export function writeLeaf(w: CodeWriter): void {
  const { random } = w;
  const thunk = random.once(2);
  if (thunk) {
    w.emit(...(w.is64 ? [0x48] : []), 0x8b, 0x04 | ((random.once(12) ? RSP : random.below(3)) << 3), 0x24);
  }
  for (let count = thunk && random.once(2) ? 0 : random.below(3); count > 0; count--) {
    random.pick([one(MOVES), one(ARITHMETIC), one(SCALARS), one(X87), stack])(w);
  }
  w.emit(0xc3);
  w.endPiece("leaf");
}

/** Calls a leaf function in a loop: mov ebp, count; call; ...; dec ebp; jnz. */
const callLeaf: Write = (w) => {
  const { random } = w;
  if (w.leaves.length === 0) return;
  w.load(RBP, random.below(30) + 1);
  const start = w.here;
  w.jumpTo(random.pick(w.leaves), 0xe8);
  for (let count = random.below(3); count > 0; count--) random.pick([one(MOVES), one(ARITHMETIC)])(w);
  w.emit(0xff, 0xcd);
  w.jumpTo(start, 0x0f, 0x85);
};

/** Names, weights and writers. */
const FAMILIES: readonly (readonly [string, number, Write])[] = [
  ["arithmetic", 30, one(ARITHMETIC)],
  ["move", 24, one(MOVES)],
  ["single", 8, one(SINGLE)],
  ["unary", 12, one(UNARY)],
  ["shift", 12, one(SHIFTS)],
  ["bits", 5, one(BITS)],
  ["bit-string", 2, bitString],
  ["conditional", 8, one(CONDITIONAL)],
  ["vector", 6, one(VECTORS)],
  ["scalar", 4, one(SCALARS)],
  ["floats", 3, floats],
  ["x87", 3, one(X87)],
  ["x87-numbers", 3, x87Numbers],
  ["anything", 3, anything],
  ["jump-if", 20, jumpIf],
  ["loop", 12, loop],
  ["loop-instruction", 2, loopInstruction],
  ["call", 5, call],
  ["call-leaf", 8, callLeaf],
  ["jump-ahead", 1, jumpAhead],
  ["switch-mode", 1, switchMode],
  ["ret", 2, ret],
  ["stack", 14, stack],
  ["fresh-stack", 2, freshStack],
  ["fresh-pointer", 10, freshPointer],
  ["fresh-index", 3, freshIndex],
  ["string", 4, string],
  ["port", 4, port],
  ["modify-code", 3, modifyCode],
  ["change-mapping", 3, changeMapping],
  ["twin-pages", 1, twinPages],
  ["segments", 2, segments],
  ["system", 6, system],
];
const WEIGHT = FAMILIES.reduce((sum, [, weight]) => sum + weight, 0);

/** Families that a program may have most of its pieces from, so that forms that are rare elsewhere meet each other. */
export const FOCI: readonly string[] = [
  "shift",
  "bits",
  "bit-string",
  "move",
  "single",
  "string",
  "vector",
  "scalar",
  "floats",
  "stack",
  "call-leaf",
  "x87-numbers",
];

/** Writes one piece of a family by chance; half of them of the family in focus, if there is one, or about flags. */
export function writePiece(w: CodeWriter, focus: string | undefined): void {
  const { random } = w;
  if (focus !== undefined && random.once(2)) return writeOf(w, random.once(3) ? "conditional" : focus);
  let dice = random.below(WEIGHT);
  for (const [name, weight] of FAMILIES) {
    dice -= weight;
    if (dice < 0) return writeOf(w, name);
  }
}

function writeOf(w: CodeWriter, name: string): void {
  FAMILIES.find(([known]) => known === name)?.[2](w);
  w.endPiece(name);
}
