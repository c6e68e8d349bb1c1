// What the core asks of the host. The other side: emulator/cpu/imports.ts. Values wider than 32 bits pass through
// HOST_SCRATCH, so that no call makes a BigInt.

/** Leaves the running instruction: the host throws through all core frames and calls run() again. Never returns. */
// @ts-ignore: decorator
@external("host", "unwind") export declare function unwind(): void;
/** Compiles a module of translated code at once and puts its functions into the table; the first one's index there. */
// @ts-ignore: decorator
@external("host", "installNow") export declare function installNow(address: u32, length: u32, count: u32): u32;
/** Takes every translated function out of the table. */
// @ts-ignore: decorator
@external("host", "uninstallAll") export declare function uninstallAll(): void;
/** Reads an I/O port; size 1, 2 or 4 bytes. */
// @ts-ignore: decorator
@external("host", "portRead") export declare function portRead(port: u32, size: u32): u32;
// @ts-ignore: decorator
@external("host", "portWrite") export declare function portWrite(port: u32, size: u32, value: u32): void;
/** Reads `size` (1, 2, 4, 8) bytes of memory that is not RAM into HOST_SCRATCH (u64, zero-extended). */
// @ts-ignore: decorator
@external("host", "mmioRead") export declare function mmioRead(addressLow: u32, addressHigh: u32, size: u32): void;
/** Writes `size` bytes from HOST_SCRATCH to memory that is not RAM. */
// @ts-ignore: decorator
@external("host", "mmioWrite") export declare function mmioWrite(addressLow: u32, addressHigh: u32, size: u32): void;
/** Takes the vector of the highest interrupt, 0..255, or -1 if it has gone; the host updates INTERRUPT_PENDING. */
// @ts-ignore: decorator
@external("host", "acknowledgeInterrupt") export declare function acknowledgeInterrupt(): i32;
/** Reads an MSR that the core does not implement into HOST_SCRATCH (u64); 0 means #GP(0). */
// @ts-ignore: decorator
@external("host", "msrRead") export declare function msrRead(index: u32): u32;
/** Writes HOST_SCRATCH (u64) to an MSR that the core does not implement; 0 means #GP(0). */
// @ts-ignore: decorator
@external("host", "msrWrite") export declare function msrWrite(index: u32): u32;
/** CPUID leaves 0x40000000..0x4fffffff: EAX, EBX, ECX, EDX into HOST_SCRATCH (4 x u32); 0 if there is no hypervisor. */
// @ts-ignore: decorator
@external("host", "cpuidHypervisor") export declare function cpuidHypervisor(leaf: u32, subleaf: u32): u32;
/** VMCALL or VMMCALL at CPL 0; the host reads and writes the registers in the state. 0 means #UD. */
// @ts-ignore: decorator
@external("host", "hypercall") export declare function hypercall(): u32;
/** Time-stamp counter into HOST_SCRATCH (u64), before TSC_OFFSET. */
// @ts-ignore: decorator
@external("host", "readTsc") export declare function readTsc(): void;
/** CR8 was written (0..15) or is about to be read: the local APIC's task priority. */
// @ts-ignore: decorator
@external("host", "writeTaskPriority") export declare function writeTaskPriority(value: u32): void;
// @ts-ignore: decorator
@external("host", "readTaskPriority") export declare function readTaskPriority(): u32;
