import { MSR_MTRR } from "../../assembly/state";

// SDM volume 3, 12.11: memory type range registers.
const WRITE_BACK = 6n;
const DEF_TYPE_ENABLE = 1n << 11n;
const DEF_TYPE_FIXED_ENABLE = 1n << 10n;
const PHYSMASK_VALID = 1n << 11n;
const PHYSICAL_MASK = (1n << 36n) - 1n;
const ALL_WRITE_BACK = 0x0606_0606_0606_0606n;
/** Words of MSR_MTRR: the default type, 11 fixed ranges, 8 pairs of variable ranges. */
const FIXED = 1;
const VARIABLE = 12;
/**
 * IA32_MTRR_FIX64K_00000, FIX16K_80000, FIX16K_A0000, FIX4K_C0000 to FIX4K_F8000, of which those that are RAM or tables:
 * 0 to 0x9ffff, and 0xe0000 to 0xfffff.
 */
const FIXED_WRITE_BACK = [0, 1, 7, 8, 9, 10];

/**
 * Sets the memory type ranges as firmware leaves them to a kernel, which expects them on and takes its page attribute
 * table from that: RAM is write-back, all else uncached. The core only keeps them; a type changes nothing in it.
 * @param memorySize bytes of RAM from address 0
 */
export function applyMemoryTypes(state: DataView, memorySize: number): void {
  const set = (word: number, value: bigint): void => state.setBigUint64(MSR_MTRR + word * 8, value, true);
  set(0, DEF_TYPE_ENABLE | DEF_TYPE_FIXED_ENABLE);
  for (const range of FIXED_WRITE_BACK) set(FIXED + range, ALL_WRITE_BACK);
  // One range must be a power of two; what it has beyond RAM is nothing that would be uncached.
  const size = BigInt(2 ** Math.ceil(Math.log2(memorySize)));
  set(VARIABLE, WRITE_BACK);
  set(VARIABLE + 1, (PHYSICAL_MASK & ~(size - 1n)) | PHYSMASK_VALID);
}
