// Register offsets (Intel SDM volume 3, table 11-1); an x2APIC MSR is 0x800 + offset / 16.
export const ID = 0x020;
export const VERSION = 0x030;
export const TPR = 0x080;
export const APR = 0x090;
export const PPR = 0x0a0;
export const EOI = 0x0b0;
export const RRD = 0x0c0;
export const LDR = 0x0d0;
export const DFR = 0x0e0;
export const SVR = 0x0f0;
export const ISR = 0x100;
export const TMR = 0x180;
export const IRR = 0x200;
export const ESR = 0x280;
export const ICR_LOW = 0x300;
export const ICR_HIGH = 0x310;
export const LVT_TIMER = 0x320;
export const LVT_THERMAL = 0x330;
export const LVT_PERFORMANCE = 0x340;
export const LVT_LINT0 = 0x350;
export const LVT_LINT1 = 0x360;
export const LVT_ERROR = 0x370;
export const INITIAL_COUNT = 0x380;
export const CURRENT_COUNT = 0x390;
export const DIVIDE_CONFIGURATION = 0x3e0;
export const SELF_IPI = 0x3f0;

/** x2APIC registers that RDMSR may read, besides ISR, TMR, IRR, ESR and ICR. */
export const X2APIC_READABLE = new Set([
  ...[ID, VERSION, TPR, PPR, LDR, SVR, INITIAL_COUNT, CURRENT_COUNT, DIVIDE_CONFIGURATION],
  ...[LVT_TIMER, LVT_THERMAL, LVT_PERFORMANCE, LVT_LINT0, LVT_LINT1, LVT_ERROR],
]);

/** Writable registers with the bits that may be set; others raise #GP(0). */
export const X2APIC_WRITABLE = new Map<number, bigint>([
  [TPR, 0xffn],
  [EOI, 0n],
  [SVR, 0x1ffn],
  [ESR, 0n],
  [LVT_TIMER, 0x710ffn],
  [LVT_THERMAL, 0x117ffn],
  [LVT_PERFORMANCE, 0x117ffn],
  [LVT_LINT0, 0x1f7ffn],
  [LVT_LINT1, 0x1f7ffn],
  [LVT_ERROR, 0x110ffn],
  [INITIAL_COUNT, 0xffffffffn],
  [DIVIDE_CONFIGURATION, 0xbn],
  [SELF_IPI, 0xffn],
]);
