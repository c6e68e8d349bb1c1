import { LOAD_ADDRESS } from "./multiboot-image";

/** mulberry32: the same numbers for the same seed. */
export class Random {
  constructor(private state: number) {}
  /** 0 to 2^32 - 1. */
  word(): number {
    this.state = (this.state + 0x6d2b79f5) >>> 0;
    let t = this.state;
    t = Math.imul(t ^ (t >>> 15), t | 1);
    t ^= t + Math.imul(t ^ (t >>> 7), t | 61);
    return (t ^ (t >>> 14)) >>> 0;
  }
  below(limit: number): number {
    return this.word() % limit;
  }
  pick<T>(list: readonly T[]): T {
    return list[this.below(list.length)] as T;
  }
  /** More often at an edge than in between. */
  tricky(): number {
    const edges = [0, 1, 2, 7, 8, 16, 255, 4095, 4096, 65535, 0x7fffffff, 0x80000000, 0xfffffff8, 0xffffffff];
    return this.below(2) ? this.pick(edges) : this.below(2) ? this.below(64) : this.word();
  }
}

/** Guest memory of the program: stack, IDT, handler, hypercall page, SynIC pages, a message, the fuzzed pages. */
const STACK_TOP = 0x90000;
const IDT = 0x200000;
const HYPERCALL_PAGE = 0x210000;
const SIMP = 0x211000;
const SIEFP = 0x212000;
const MESSAGE = 0x213000;
const PAGES = 0x220000;
const PAGE_COUNT = 64;
const MEMORY_SIZE = 32 << 20;

const HV_X64_MSR_GUEST_OS_ID = 0x40000000;
const HV_X64_MSR_HYPERCALL = 0x40000001;
const HV_X64_MSR_SCONTROL = 0x40000080;
const HV_X64_MSR_SIEFP = 0x40000082;
const HV_X64_MSR_SIMP = 0x40000083;
const HV_X64_MSR_EOM = 0x40000084;
const HV_X64_MSR_SINT0 = 0x40000090;
const HVCALL_POST_MESSAGE = 0x5c;
const HVCALL_SIGNAL_EVENT = 0x5d;
/** VMBus: connection of messages, its channel messages. */
const VMBUS_MESSAGE_CONNECTION_ID = 1;
const CHANNELMSG_REQUESTOFFERS = 3;
const CHANNELMSG_OPENCHANNEL = 5;
const CHANNELMSG_GPADL_HEADER = 8;
const CHANNELMSG_INITIATE_CONTACT = 14;

/** Machine code, 32-bit, a few instructions of it. */
class Code {
  readonly bytes: number[] = [];
  emit(...bytes: number[]): this {
    for (const byte of bytes) this.bytes.push(byte & 0xff);
    return this;
  }
  word(value: number): this {
    return this.emit(value, value >>> 8, value >>> 16, value >>> 24);
  }
  eax(value: number): this {
    return this.emit(0xb8).word(value);
  }
  ecx(value: number): this {
    return this.emit(0xb9).word(value);
  }
  edx(value: number): this {
    return this.emit(0xba).word(value);
  }
  ebx(value: number): this {
    return this.emit(0xbb).word(value);
  }
  esi(value: number): this {
    return this.emit(0xbe).word(value);
  }
  edi(value: number): this {
    return this.emit(0xbf).word(value);
  }
  /** mov dword [address], value */
  store(address: number, value: number): this {
    return this.emit(0xc7, 0x05).word(address).word(value);
  }
  wrmsr(index: number, high: number, low: number): this {
    return this.ecx(index).edx(high).eax(low).emit(0x0f, 0x30);
  }
  rdmsr(index: number): this {
    return this.ecx(index).emit(0x0f, 0x32);
  }
  /** 32-bit convention: edx:eax control, ebx:ecx input, edi:esi output. */
  hypercall(control: number, high: number, inputHigh: number, input: number, outputHigh: number, output: number): this {
    this.eax(control).edx(high).ebx(inputHigh).ecx(input).edi(outputHigh).esi(output);
    // call [absolute]: through a register that the convention leaves alone.
    return this.emit(0xbd).word(HYPERCALL_PAGE).emit(0xff, 0xd5);
  }
}

/** Every vector leads here: `depth` is checked by nobody, ESP is put back and the next step of the list begins. */
function prologue(code: Code, next: number, table: number, handlers: number): void {
  // mov esp; lidt; the program's place in the list is in memory at `next`.
  code.emit(0xbc).word(STACK_TOP);
  for (let vector = 0; vector < 256; vector++) {
    code.store(IDT + vector * 8, (0x10 << 16) | (handlers & 0xffff));
    code.store(IDT + vector * 8 + 4, (handlers & 0xffff0000) | 0x8e00);
  }
  code.store(IDT - 8, 0x07ff | ((IDT & 0xffff) << 16)).store(IDT - 4, IDT >>> 16);
  code.emit(0x0f, 0x01, 0x1d).word(IDT - 8);
  code.store(next, table);
  // Where no hypercall page lies over this memory, a call returns at once.
  code.edi(HYPERCALL_PAGE).ecx(4096).eax(0xc3).emit(0xfc, 0xf3, 0xaa);
}

/** One attack: a few instructions, any of which may fault. */
type Attack = (code: Code, random: Random) => void;

const knownMsrs = [
  0x10, 0x1b, 0x174, 0x1a0, 0x277, 0x2ff, 0xc0000080, 0xc0000081, 0xc0000100, 0x6e0, 0x800, 0x830, 0x40000000,
  0x40000001, 0x40000002, 0x40000003, 0x40000020, 0x40000021, 0x40000022, 0x40000023, 0x40000070, 0x40000071,
  0x40000072, 0x40000073, 0x40000080, 0x40000081, 0x40000082, 0x40000083, 0x40000084, 0x40000090, 0x40000092,
  0x4000009f, 0x400000b0, 0x400000b1, 0x400000b2, 0x400000b7, 0x40000100, 0x40000104,
];
/** Ports and MSRs by which a guest legitimately ends or restarts its machine; the program must come to its end. */
const ENDING_PORTS = new Set([0x64, 0x92, 0xcf9, 0xf4, 0xf5, 0xf6, 0xf7, 0x404, 0x405, 0xb2]);
const ENDING_MSRS = new Set([0x40000003, 0x40000071, 0x40000105, 0x830, 0xc0000080]);
/** An INIT by the local APIC's interrupt command register restarts the machine too. */
const APIC_ICR = 0xfee00300;

function port(random: Random): number {
  const near = [0x20, 0x21, 0xa0, 0x40, 0x43, 0x60, 0x61, 0x70, 0x71, 0x3f8, 0x3fd, 0xcf8, 0xcfc, 0x400, 0x408, 0xe9];
  for (;;) {
    const number = random.below(3) ? random.pick(near) + random.below(8) : random.below(0x10000);
    // A wide access reaches the next ones.
    if (![0, 1, 2, 3].some((offset) => ENDING_PORTS.has(number + offset))) return number;
  }
}

function gpa(random: Random): number {
  return random.pick([
    PAGES + random.below(PAGE_COUNT * 4096),
    MESSAGE,
    MEMORY_SIZE - random.below(16),
    MEMORY_SIZE + random.below(0x10000),
    random.tricky(),
    0xfee00000 + random.below(0x1000),
    0xfec00000 + random.below(0x100),
    0xa0000 + random.below(0x20000),
  ]);
}

const attackMsr: Attack = (code, random) => {
  const index = random.below(3)
    ? random.pick(knownMsrs)
    : random.below(2)
      ? 0x40000000 + random.below(0x200)
      : random.tricky();
  if (random.below(3) === 0) code.rdmsr(index);
  else if (!ENDING_MSRS.has(index))
    code.wrmsr(index, random.below(2) ? 0 : random.tricky(), random.below(2) ? gpa(random) | 1 : random.tricky());
};

const attackHypercall: Attack = (code, random) => {
  const call = random.below(2)
    ? random.pick([HVCALL_POST_MESSAGE, HVCALL_SIGNAL_EVENT, 2, 3, 8, 0x0b, 0x13])
    : random.tricky();
  const high = random.below(2) ? 0 : random.tricky();
  code.hypercall(
    call | (random.below(4) ? 0 : 1 << 16),
    high,
    random.below(3) ? 0 : random.tricky(),
    gpa(random),
    0,
    gpa(random),
  );
};

/** Posts a VMBus message: `words` from its type on. */
function post(
  code: Code,
  words: readonly number[],
  size = words.length * 4,
  connection = VMBUS_MESSAGE_CONNECTION_ID,
): void {
  [connection, 0, 1, size, ...words].forEach((word, index) => code.store(MESSAGE + index * 4, word));
  code.hypercall(HVCALL_POST_MESSAGE, 0, 0, MESSAGE, 0, 0);
  // Takes what was answered: the next one may come.
  code.store(SIMP + 2 * 256, 0).wrmsr(HV_X64_MSR_EOM, 0, 0);
}

const attackMessage: Attack = (code, random) => {
  const length = random.below(60);
  const words = [
    random.below(26),
    0,
    ...Array.from({ length }, () => (random.below(2) ? random.below(6) : random.tricky())),
  ];
  post(code, words, random.below(4) ? words.length * 4 : random.tricky(), random.below(8) ? 1 : random.tricky());
};

/** Monitor pages lie before the pages that rings use. */
const MONITOR = PAGES - 0x2000;

const contact: Attack = (code, random) => {
  const version = random.below(4) ? random.pick([0x10001, 0x20004, 0x30000, 0x40000]) : random.tricky();
  const page = (usual: number): number => (random.below(8) ? usual : gpa(random) & ~0xfff);
  post(code, [CHANNELMSG_INITIATE_CONTACT, 0, version, 0, 0, 0, page(MONITOR), 0, page(MONITOR + 0x1000), 0]);
  post(code, [CHANNELMSG_REQUESTOFFERS, 0]);
};

/** A GPADL that is almost right, over the fuzzed pages; then the channel's opening with it. */
const openChannel: Attack = (code, random) => {
  const channel = 1 + random.below(5);
  const handle = 1 + random.below(8);
  const count = random.below(6) ? 4 : random.below(30);
  const pages = Array.from({ length: count }, () =>
    random.below(40) ? (PAGES >>> 12) + random.below(PAGE_COUNT) : random.tricky(),
  );
  const spoil = (value: number): number => (random.below(20) ? value : random.tricky());
  const length = spoil((8 + count * 8) | (1 << 16));
  post(
    code,
    [
      CHANNELMSG_GPADL_HEADER,
      0,
      channel,
      handle,
      length,
      spoil(count * 4096),
      spoil(0),
      ...pages.flatMap((page) => [page, 0]),
    ].slice(0, 60),
  );
  post(code, [CHANNELMSG_OPENCHANNEL, 0, channel, 1, handle, 0, spoil(2), ...new Array<number>(30).fill(0)]);
};

/** Indices, masks and packets of rings, and whatever else lies in the shared pages. */
const attackRing: Attack = (code, random) => {
  for (let i = 0; i < 4; i++) {
    const page = PAGES + random.below(PAGE_COUNT) * 4096;
    code.store(page + random.pick([0, 4, 8, 12, 64, 68]), random.below(2) ? random.below(600) * 8 : random.tricky());
    code.store(
      page + random.below(1024) * 4,
      random.below(2) ? random.pick([0x20006, 0x30006, 0x50006, 0x20007]) : random.tricky(),
    );
  }
  // Fast: the connection in ecx, the flag in its upper half.
  code.hypercall(
    HVCALL_SIGNAL_EVENT | (1 << 16),
    0,
    random.below(3) ? 0 : random.tricky(),
    random.below(3) ? 0x10000 + random.below(8) : random.tricky(),
    0,
    0,
  );
};

const attackPort: Attack = (code, random) => {
  code.edx(port(random)).eax(random.tricky());
  code.emit(...random.pick([[0xec], [0x66, 0xed], [0xed], [0xee], [0x66, 0xef], [0xef]]));
};

const attackMemory: Attack = (code, random) => {
  const address = gpa(random);
  // Its own code, IDT and stack are needed to go on.
  if (address >= APIC_ICR - 4 && address < APIC_ICR + 16) return;
  if (address < 0xa0000 || (address >= 0xf0000 && address < PAGES)) return;
  code.eax(random.tricky());
  code.emit(...random.pick([[0xa0], [0xa1], [0x66, 0xa1], [0xa2], [0xa3], [0x66, 0xa3]])).word(address);
};

const attackTime: Attack = (code) => void code.emit(0xfb, 0x90, 0xfa).emit(0x0f, 0x31);

const ATTACKS: readonly Attack[] = [
  attackMsr,
  attackMsr,
  attackHypercall,
  attackHypercall,
  attackMessage,
  attackMessage,
  contact,
  openChannel,
  openChannel,
  attackRing,
  attackRing,
  attackPort,
  attackPort,
  attackMemory,
  attackMemory,
  attackTime,
];

/** Puts hypercall page and SynIC back, since attacks may have taken them away. */
function connect(code: Code): void {
  code.wrmsr(HV_X64_MSR_GUEST_OS_ID, 0x81000000, 1);
  code.wrmsr(HV_X64_MSR_HYPERCALL, 0, HYPERCALL_PAGE | 1);
  code.wrmsr(HV_X64_MSR_SIMP, 0, SIMP | 1).wrmsr(HV_X64_MSR_SIEFP, 0, SIEFP | 1);
  code.wrmsr(HV_X64_MSR_SINT0 + 2, 0, 0x60).wrmsr(HV_X64_MSR_SCONTROL, 0, 1);
}

/**
 * A program that attacks its host in `steps` steps and then ends the machine through debug-exit with `status`. A step
 * that faults is given up, and the next one begins.
 */
export function hostileCode(seed: number, steps: number, status: number): Uint8Array {
  const random = new Random(seed);
  const start = LOAD_ADDRESS + 32;
  const next = IDT - 16;
  // Each step first notes where the one after it begins, for the fault handler.
  const code = new Code();
  const handlerCode = new Code().emit(0xbc).word(STACK_TOP).emit(0xff, 0x25).word(next);
  // jmp over the handler.
  code.emit(0xe9).word(handlerCode.bytes.length);
  const handlers = start + code.bytes.length;
  code.emit(...handlerCode.bytes);
  prologue(code, next, 0, handlers);
  for (let step = 0; step < steps; step++) {
    const body = new Code();
    if (step % 16 === 0) connect(body);
    if (step % 128 === 0) contact(body, random);
    random.pick(ATTACKS)(body, random);
    const size = 10 + body.bytes.length;
    code.store(next, start + code.bytes.length + size);
    code.emit(...body.bytes);
  }
  code.emit(0xbc).word(STACK_TOP).eax(status).edx(0xf4).emit(0xee, 0xf4);
  return Uint8Array.from(code.bytes);
}
