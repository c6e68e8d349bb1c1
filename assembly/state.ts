// The one layout of linear memory that both sides read: AssemblyScript compiles this file into the core,
// TypeScript imports it as it is. So it holds constants only: no functions, no AssemblyScript built-ins.
//
//   0x00000400  CPU state (this file), below 64 KiB so that a decoded instruction names a register in 16 bits
//   0x00010000  AssemblyScript's static data (asc --memoryBase)
//   0x00040000  decode tables
//   0x00180000  regions by page, counts of handlers
//   0x00200000  block hash, page tables of the physical map
//   0x01000000  decoded instructions
//   0x03000000  room for the translator's emitter
//   0x03400000  TLB, and which of its entries were filled, jump cache
//   0x03c00000  records of translated regions
//   0x04000000  guest RAM
//
// All values little-endian. Sizes in bytes.

/** General registers RAX, RCX, RDX, RBX, RSP, RBP, RSI, RDI, R8..R15: 16 x u64. */
export const REGS: u32 = 0x400;
export const RAX: u32 = 0x400;
export const RCX: u32 = 0x408;
export const RDX: u32 = 0x410;
export const RBX: u32 = 0x418;
export const RSP: u32 = 0x420;
export const RBP: u32 = 0x428;
export const RSI: u32 = 0x430;
export const RDI: u32 = 0x438;
export const R8: u32 = 0x440;
export const R11: u32 = 0x458;
/** Always zero: stands for an absent base or index register. */
export const ZERO_REG: u32 = 0x480;

/** u64, RIP of the next instruction; exact whenever no handler runs. */
export const RIP: u32 = 0x488;
/** u64, RIP of byte 0 of the page that the running block lies in (RIP minus the offset in the page). */
export const CODE_BASE: u32 = 0x490;
/** u32, address of the decoded instruction that is running. */
export const CURRENT_OP: u32 = 0x498;
/** u32, address of the first decoded instruction of the running block. */
export const BLOCK_START: u32 = 0x49c;
/** i64, last result sign-extended: ZF, SF and PF derive from it. See execute/flags.ts. */
export const FLAG_RESULT: u32 = 0x4a0;
/** u64, carries and corrections: CF bit 63, OF from 63 and 62, AF bit 3, PF delta 15:8, SF delta bit 0. */
export const FLAG_CARRIES: u32 = 0x4a8;
/** u32, EFLAGS without the six status flags: TF IF DF IOPL NT RF VM AC VIF VIP ID. Bit 1 is set. */
export const EFLAGS: u32 = 0x4b0;
/** u32, current privilege level. */
export const CPL: u32 = 0x4b4;
/** u32, how code is decoded: MODE_16, MODE_32 or MODE_64. */
export const CODE_MODE: u32 = 0x4b8;
/** u32, bytes of the stack pointer that pushes and pops use: 2, 4 or 8. */
export const STACK_SIZE: u32 = 0x4bc;
/** u32, 1 if code runs one instruction at a time: TF, breakpoints, a CS that is not flat, interrupt shadow. */
export const SINGLE_STEP: u32 = 0x4c0;
/** u32, for one instruction after STI (SHADOW_STI) or a load of SS (SHADOW_SS, which holds debug traps off too). */
export const INTERRUPT_SHADOW: u32 = 0x4c4;
export const SHADOW_STI: u32 = 1;
export const SHADOW_SS: u32 = 2;
/** u32, host sets to 1 while the local APIC (or the PIC) has an interrupt for this processor. */
export const INTERRUPT_PENDING: u32 = 0x4c8;
/** u32, host sets to 1 for a non-maskable interrupt; the core clears it as it takes it. */
export const NMI_PENDING: u32 = 0x4cc;
/** u32, 1 from the delivery of an NMI to the next IRET. */
export const NMI_BLOCKED: u32 = 0x4d0;
/** u32, 1 while HLT waits. */
export const HALTED: u32 = 0x4d4;
/** u32, host sets non-zero to leave run() at the next instruction boundary. */
export const STOP_REQUEST: u32 = 0x4d8;
/** u32, debug exceptions (DR6 bits) to raise as a trap after the running instruction. */
export const PENDING_DEBUG: u32 = 0x4dc;
/** u64, instructions retired since reset; a delivered interrupt or exception counts as one. */
export const INSTRUCTION_COUNT: u32 = 0x4e0;
/** u64, run() returns when INSTRUCTION_COUNT reaches this. */
export const INSTRUCTION_LIMIT: u32 = 0x4e8;
/** u32, byte address of the TLB set in use: by privilege and SMAP. */
export const TLB_SET: u32 = 0x4f0;
/** u32, 1 in protected mode with EFLAGS.VM clear. */
export const PROTECTED: u32 = 0x4f4;
/** u32, 1 while EFER.LMA. */
export const LONG_MODE: u32 = 0x4f8;
/** u32, the running block ends before the decoded instruction at this address. Whoever needs the run loop to look
 * up after the running instruction (code changed, an interrupt came, a breakpoint was met) stores 0. */
export const BLOCK_LIMIT: u32 = 0x4fc;

export const MODE_16: u32 = 0;
export const MODE_32: u32 = 1;
export const MODE_64: u32 = 2;

/** Segment registers, 8 x 32 bytes: ES CS SS DS FS GS LDTR TR. */
export const SEGMENTS: u32 = 0x500;
export const SEGMENT_STRIDE: u32 = 32;
/** u64 */
export const SEGMENT_BASE: u32 = 0;
/** u32, in bytes, granularity applied: the last offset that is inside. */
export const SEGMENT_LIMIT: u32 = 8;
/** u32, descriptor bits 55:40 of the second dword shifted down by 8: type 3:0, S 4, DPL 6:5, P 7, AVL 12, L 13, D/B 14, G 15. */
export const SEGMENT_ATTRIBUTES: u32 = 12;
/** u16 */
export const SEGMENT_SELECTOR: u32 = 16;
/** u32, what an access needs not check: FLAT_READ, FLAT_WRITE; 0 also for a null or unusable segment. */
export const SEGMENT_FLAT: u32 = 20;
export const FLAT_READ: u32 = 1;
export const FLAT_WRITE: u32 = 2;
/** u32, 1 if the register holds a null selector (any access but in 64-bit mode faults). */
export const SEGMENT_NULL: u32 = 24;

export const ES: u32 = 0;
export const CS: u32 = 1;
export const SS: u32 = 2;
export const DS: u32 = 3;
export const FS: u32 = 4;
export const GS: u32 = 5;
export const LDTR: u32 = 6;
export const TR: u32 = 7;

/** u64 base, then u32 limit at +8. */
export const GDTR: u32 = 0x600;
export const IDTR: u32 = 0x610;
/** u64 each. */
export const CR0: u32 = 0x620;
export const CR2: u32 = 0x628;
export const CR3: u32 = 0x630;
export const CR4: u32 = 0x638;
/** CR8 (the task-priority register) lives in the local APIC; this is the core's copy, written through the host. */
export const CR8: u32 = 0x640;
export const XCR0: u32 = 0x648;
/** DR0..DR7: 8 x u64. */
export const DR: u32 = 0x650;

/** Architectural MSRs, u64 each. */
export const MSR_EFER: u32 = 0x690;
export const MSR_STAR: u32 = 0x698;
export const MSR_LSTAR: u32 = 0x6a0;
export const MSR_CSTAR: u32 = 0x6a8;
export const MSR_FMASK: u32 = 0x6b0;
export const MSR_KERNEL_GS_BASE: u32 = 0x6b8;
export const MSR_SYSENTER_CS: u32 = 0x6c0;
export const MSR_SYSENTER_ESP: u32 = 0x6c8;
export const MSR_SYSENTER_EIP: u32 = 0x6d0;
export const MSR_TSC_AUX: u32 = 0x6d8;
/** Added to the host's time-stamp counter by RDTSC (written by WRMSR 0x10). */
export const TSC_OFFSET: u32 = 0x6e0;
export const MSR_PAT: u32 = 0x6e8;
export const MSR_MISC_ENABLE: u32 = 0x6f0;
/** MTRR storage: default type, 11 fixed, 8 pairs of variable: 28 x u64. */
export const MSR_MTRR: u32 = 0x700;

/** The exception that unwind() leaves for run() to deliver. */
export const EXCEPTION_PENDING: u32 = 0x7e0;
export const EXCEPTION_VECTOR: u32 = 0x7e4;
export const EXCEPTION_CODE: u32 = 0x7e8;
export const EXCEPTION_HAS_CODE: u32 = 0x7ec;
/** u64, linear address for CR2 of a page fault. */
export const EXCEPTION_ADDRESS: u32 = 0x7f0;
/** u32, vector + 1 of the exception whose delivery is under way (for double and triple fault), 0 if none. */
export const EXCEPTION_DELIVERING: u32 = 0x7f8;

/** x87: physical registers R0..R7, 16 bytes each: u64 significand, then u16 sign and exponent at +8. */
export const FPU_REGISTERS: u32 = 0x800;
/** u16 */
export const FPU_CONTROL: u32 = 0x880;
/** u16, status with TOP in 13:11. */
export const FPU_STATUS: u32 = 0x882;
/** u16, the full tag word (2 bits a physical register: 0 valid, 1 zero, 2 special, 3 empty). */
export const FPU_TAG: u32 = 0x884;
/** u16, last opcode (11 bits). */
export const FPU_OPCODE: u32 = 0x886;
/** u64 */
export const FPU_INSTRUCTION_POINTER: u32 = 0x888;
/** u64 */
export const FPU_DATA_POINTER: u32 = 0x890;
/** u16 each: selectors of the pointers above. */
export const FPU_INSTRUCTION_SELECTOR: u32 = 0x898;
export const FPU_DATA_SELECTOR: u32 = 0x89a;
/** u32 */
export const MXCSR: u32 = 0x8a0;
/** XMM0..XMM15, 16 x 16 bytes. */
export const XMM: u32 = 0x900;

/** 64 bytes to pass values of any width between core and host: see emulator/cpu/imports.ts. */
export const HOST_SCRATCH: u32 = 0xa00;
/** u64, counters for statistics: see STATISTIC_*. */
export const STATISTICS: u32 = 0xa80;
export const STATISTIC_BLOCKS_DECODED: u32 = 0xa80;
export const STATISTIC_BLOCK_FLUSHES: u32 = 0xa88;
export const STATISTIC_CODE_WRITES: u32 = 0xa90;
export const STATISTIC_TLB_FILLS: u32 = 0xa98;
export const STATISTIC_EXCEPTIONS: u32 = 0xaa0;
export const STATISTIC_INTERRUPTS: u32 = 0xaa8;
/** u32, kind of the flags that translated code left pending (translate/support.ts), 0 if FLAG_RESULT and FLAG_CARRIES
 * hold what their names say; else they hold the result and the first operand. Only between translated regions. */
export const PENDING_KIND: u32 = 0xab0;
/** u64, the second operand. */
export const PENDING_B: u32 = 0xab8;
/** u64, upper 16 bits: what RIP in the jump cache is marked with now. See translate/jump-cache.ts. */
export const JUMP_KEY: u32 = 0xac0;
/** u32, LEAVE_*: why translated code came back to the run loop. */
export const LEAVE_CAUSE: u32 = 0xac8;
/** u32, which instruction translated code leaves to its handler: address of the decoded op << 2 | its number in the block
 * (decoded ops lie at multiples of 16). INSTRUCTION_COUNT counts the whole block then. */
export const LEAVE_PLACE: u32 = 0xacc;
/** u64, INSTRUCTION_LIMIT when translated code was entered: it counts down from there, and the host may lower it. */
export const ENTRY_LIMIT: u32 = 0xad0;
/** u64, changes for good whenever a mapping or a translation ends, and with privilege and mode: if it is the same after
 * a call, what translated code knew before it still holds. See translate/jump-cache.ts. */
export const CALL_KEY: u32 = 0xad8;
/** First byte after the state that a reset clears. */
export const STATE_END: u32 = 0xb00;
/** u32, runs of a block after which its region is translated; 0xffffffff: never. Set by the host. */
export const TRANSLATE_THRESHOLD: u32 = 0xb00;
/** u32, functions of translated code that are alive. */
export const TRANSLATED_FUNCTIONS: u32 = 0xb04;
/** u32, 1: translate in the midst of the run instead of when the host asks; for tests. */
export const TRANSLATE_AT_ONCE: u32 = 0xb30;
/** u64, since the start. */
export const STATISTIC_REGIONS: u32 = 0xb08;
export const STATISTIC_TRANSLATED_BYTES: u32 = 0xb10;
export const STATISTIC_REGION_ENTRIES: u32 = 0xb18;
export const STATISTIC_TRANSLATED_INSTRUCTIONS: u32 = 0xb20;
export const STATISTIC_EVICTIONS: u32 = 0xb28;
/** u64, times that a region went to the next by the jump cache. */
export const STATISTIC_CHAINED: u32 = 0xb38;
/** u64 each, times that translated code came back to the run loop, by LEAVE_*. */
export const STATISTIC_LEAVES: u32 = 0xb40;
/** The jump cache does not know what is at RIP. */
export const LEAVE_MISS: u32 = 0;
/** A loop may not run once more before INSTRUCTION_LIMIT. */
export const LEAVE_LIMIT: u32 = 1;
/** An access to memory, or a handler, wants the run loop to look up: an interrupt, changed code, a breakpoint. */
export const LEAVE_ATTENTION: u32 = 2;
/** After a handler that jumped or changed the mode. */
export const LEAVE_MODE: u32 = 3;
/** An instruction is left to its handler: memory that is not plain RAM, or a fault. */
export const LEAVE_HANDLER: u32 = 4;
/** u32, bytes from a set's first entry to its last one in use. */
export const TLB_MASK: u32 = 0xb70;
/** u64, times that the TLB changed its size. */
export const STATISTIC_TLB_RESIZES: u32 = 0xb78;
/** u64, times that the TLB forgot what is not global, or everything. */
export const STATISTIC_TLB_FLUSHES: u32 = 0xb80;

/** u32, index in the table of the function that enters translated code (translate/chain.ts). Set by the host. */
export const ENTER_FUNCTION: u32 = 0xb88;
/** u32, what a physical address in video memory lacks to be one of linear memory (modulo 2^32). Set by the host. */
export const VIDEO_ADDEND: u32 = 0xb8c;
/** u32, 1: a page became PAGE_VIDEO since the host cleared this. */
export const VIDEO_WRITTEN: u32 = 0xb90;

/** Decode tables: see decode/tables.ts. Keys are map << 8 | opcode, four maps: one-byte, 0F, 0F38, 0F3A.
 * u32 of attributes, 16 variants a key. */
export const DECODE_ATTRIBUTES: u32 = 0x40000;
/** u32 index into the function table, 64 variants a key. */
export const DECODE_HANDLERS: u32 = 0x50000;

/** Software TLB: TLB_SETS sets of up to TLB_ENTRIES_MAX entries of 32 bytes. See memory/tlb.ts. */
export const TLB: u32 = 0x3400000;
export const TLB_ENTRIES_MIN: u32 = 4096;
export const TLB_ENTRIES_MAX: u32 = 32768;
export const TLB_ENTRY_SIZE: u32 = 32;
/** Sets: supervisor, user, supervisor with SMAP lifted by EFLAGS.AC, and one that is never filled: user with alignment
 * checks, where every access takes the slow path. */
export const TLB_SETS: u32 = 4;
export const TLB_SET_SIZE: u32 = 0x100000;
/** u64 each: linear page address that may be read, written, executed through this entry; TLB_INVALID if none. */
export const TLB_READ_TAG: u32 = 0;
export const TLB_WRITE_TAG: u32 = 8;
export const TLB_EXECUTE_TAG: u32 = 16;
/** u32, add to the low 32 bits of a linear address to get an address in linear memory. */
export const TLB_ADDEND: u32 = 24;
/** u32, physical page number, bits 29:0; bit 30: of a large page; bit 31: global. */
export const TLB_PAGE: u32 = 28;

/** u32 addresses of the entries filled since the last flush that are not global: up to half as many as a set has. */
export const TLB_FILLED: u32 = 0x3800000;
export const TLB_FILLED_END: u32 = 0x3810000;

/** The jump cache: what translated code is to run at a RIP. See translate/jump-cache.ts. */
export const JUMP_CACHE: u32 = 0x3880000;
export const JUMP_CACHE_ENTRIES: u32 = 16384;
export const JUMP_ENTRY_SIZE: u32 = 32;
/** u64, RIP with the key of its time. */
export const JUMP_TAG: u32 = 0;
/** u64, the base of the region as it runs there. */
export const JUMP_BASE: u32 = 8;
/** u32, index in the table. */
export const JUMP_FUNCTION: u32 = 16;
/** u32, the block that begins at RIP. */
export const JUMP_BLOCK: u32 = 20;
/** u16, BLOCK_NEEDS. */
export const JUMP_NEEDS: u32 = 24;
/** u16, the function's entry. */
export const JUMP_ENTRY: u32 = 26;
/** u32, number of the physical page that RIP is on. */
export const JUMP_PAGE: u32 = 28;

/** Hash of the regions that have code of a physical page: u32 each. */
export const PAGE_REGIONS: u32 = 0x180000;
export const PAGE_REGIONS_ENTRIES: u32 = 0x1000;
/** u64 for each opcode (map << 8 | opcode): times that translated code left it to the interpreter's handler. */
export const HANDLER_COUNTS: u32 = 0x190000;
export const HANDLER_COUNTS_ENTRIES: u32 = 0x400;
/** Hash of blocks by physical address and mode: u32 block address each. */
export const BLOCK_HASH: u32 = 0x200000;
export const BLOCK_HASH_ENTRIES: u32 = 0x40000;
/** u8 for each physical page below 4 GiB: PAGE_NONE, PAGE_RAM, PAGE_MMIO, PAGE_ROM, PAGE_VIDEO... The host fills it. */
export const PAGE_KIND: u32 = 0x400000;
export const PAGE_NONE: u32 = 0;
export const PAGE_RAM: u32 = 1;
export const PAGE_MMIO: u32 = 2;
export const PAGE_ROM: u32 = 3;
/** Plain memory that is no RAM: at VIDEO_ADDEND + its physical address. It was written since the host last looked. */
export const PAGE_VIDEO: u32 = 4;
/** The same, not written: the first write, which comes the slow way, makes it PAGE_VIDEO. */
export const PAGE_VIDEO_CLEAN: u32 = 5;
/** u64 for each physical page below 4 GiB: one bit for each 64 bytes that hold decoded code. */
export const PAGE_CODE: u32 = 0x800000;
/** u32 for each physical page below 4 GiB: newest block of that page, 0 if none. */
export const PAGE_BLOCKS: u32 = 0x1000000;

/** Arena of blocks and decoded instructions. */
export const CODE_ARENA: u32 = 0x1400000;
export const CODE_ARENA_END: u32 = 0x3000000;
/** Room for the translator: modules as they are written, then records of regions. */
export const EMITTER: u32 = 0x3000000;
export const REGION_RECORDS: u32 = 0x3c00000;
export const REGION_RECORDS_END: u32 = 0x4000000;
/** Guest physical address 0. */
export const RAM_BASE: u32 = 0x4000000;

/** Why run() returned. */
export const EXIT_BUDGET: u32 = 0;
export const EXIT_HALT: u32 = 1;
export const EXIT_SHUTDOWN: u32 = 2;
export const EXIT_REQUEST: u32 = 3;
