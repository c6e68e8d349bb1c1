import { buffer, type Aml } from "./aml";

// Resource descriptors: ACPI specification 6.5, section 6.4.

const little = (value: number | bigint, count: number): number[] =>
  Array.from({ length: count }, (_, index) => Number((BigInt(value) >> BigInt(8 * index)) & 0xffn));

/** IRQNoFlags: edge, active high, exclusive (6.4.2.1, the form without flags). */
export function irqNoFlags(...lines: number[]): Aml {
  const mask = lines.reduce((bits, line) => bits | (1 << line), 0);
  return [0x22, ...little(mask, 2)];
}

/** DMA channel: compatibility mode, not a bus master, 8-bit transfers (6.4.2.2). */
export function dma8(channel: number): Aml {
  return [0x2a, 1 << channel, 0x00];
}

/** I/O port range that decodes 16 bits (6.4.2.5). */
export function ioPorts(first: number, length: number): Aml {
  return [0x47, 0x01, ...little(first, 2), ...little(first, 2), 1, length];
}

const TYPE_MEMORY = 0;
const TYPE_IO = 1;
const TYPE_BUS = 2;
/** Resource producer, positive decode, minimum and maximum fixed. */
const PRODUCER_FIXED = 0x0c;
const MEMORY_READ_WRITE = 0x01;
/** I/O ranges: both ISA and non-ISA. */
const IO_ENTIRE_RANGE = 0x03;

function addressSpace(tag: number, width: number, type: number, typeFlags: number, first: bigint, last: bigint): Aml {
  const fields = [0n, first, last, 0n, last - first + 1n].flatMap((field) => little(field, width));
  return [tag, ...little(3 + fields.length, 2), type, PRODUCER_FIXED, typeFlags, ...fields];
}

/** WordBusNumber (6.4.3.5.3). */
export function busNumbers(first: number, last: number): Aml {
  return addressSpace(0x88, 2, TYPE_BUS, 0, BigInt(first), BigInt(last));
}

/** WordIO. */
export function ioWindow(first: number, last: number): Aml {
  return addressSpace(0x88, 2, TYPE_IO, IO_ENTIRE_RANGE, BigInt(first), BigInt(last));
}

/** DWordMemory, not cacheable. */
export function memoryWindow32(first: number, last: number): Aml {
  return addressSpace(0x87, 4, TYPE_MEMORY, MEMORY_READ_WRITE, BigInt(first), BigInt(last));
}

/** QWordMemory, not cacheable. */
export function memoryWindow64(first: bigint, last: bigint): Aml {
  return addressSpace(0x8a, 8, TYPE_MEMORY, MEMORY_READ_WRITE, first, last);
}

/** A resource template: the descriptors and the end tag. A checksum of zero means "not computed". */
export function resourceTemplate(...descriptors: Aml[]): Aml {
  return buffer([...descriptors.flat(), 0x79, 0x00]);
}
