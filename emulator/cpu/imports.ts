import { HOST_SCRATCH } from "../../assembly/state";
import type { ProcessorHost } from "./processor";
import type { Translations } from "./translations";

/** Thrown through the core's frames when an instruction faults. One object: making an Error would cost a stack trace. */
export const Unwind = Object.freeze({ unwind: true });

/** The functions that assembly/host.ts declares. 64-bit values pass through HOST_SCRATCH. */
export function imports(
  memory: WebAssembly.Memory,
  host: ProcessorHost,
  translations: Translations,
): WebAssembly.Imports {
  const view = new DataView(memory.buffer);
  const putU64 = (value: bigint): void => view.setBigUint64(HOST_SCRATCH, value, true);
  const getU64 = (): bigint => view.getBigUint64(HOST_SCRATCH, true);
  const physical = (low: number, high: number): number => (low >>> 0) + (high >>> 0) * 0x100000000;
  return {
    env: {
      memory,
      abort(): never {
        throw new Error("the core met a state that cannot be");
      },
    },
    host: {
      unwind(): never {
        throw Unwind;
      },
      installNow: (address: number, length: number, count: number): number =>
        translations.installNow(address, length, count),
      uninstallAll: (): void => translations.uninstallAll(),
      portRead: (port: number, size: number): number => host.portRead(port & 0xffff, size),
      portWrite: (port: number, size: number, value: number): void => host.portWrite(port & 0xffff, size, value >>> 0),
      mmioRead: (low: number, high: number, size: number): void => putU64(host.mmioRead(physical(low, high), size)),
      mmioWrite: (low: number, high: number, size: number): void =>
        host.mmioWrite(physical(low, high), size, BigInt.asUintN(size * 8, getU64())),
      acknowledgeInterrupt: (): number => host.acknowledgeInterrupt(),
      msrRead(index: number): number {
        const value = host.msrRead(index >>> 0);
        if (value === undefined) return 0;
        putU64(value);
        return 1;
      },
      msrWrite: (index: number): number => (host.msrWrite(index >>> 0, getU64()) ? 1 : 0),
      cpuidHypervisor(leaf: number, subleaf: number): number {
        const registers = host.cpuidHypervisor(leaf >>> 0, subleaf >>> 0);
        if (!registers) return 0;
        registers.forEach((value, index) => view.setUint32(HOST_SCRATCH + index * 4, value, true));
        return 1;
      },
      hypercall: (): number => (host.hypercall() ? 1 : 0),
      readTsc: (): void => putU64(host.readTsc()),
      writeTaskPriority: (value: number): void => host.writeTaskPriority(value & 15),
      readTaskPriority: (): number => host.readTaskPriority(),
    },
  };
}
