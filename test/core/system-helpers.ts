// Descriptors, gates and odd modes for the tests of system/.

import * as S from "../../assembly/state";
import type { Guest } from "./harness";

const GDT = 0x1000;
const IDT = 0x2000;

/** Bytes from lines of hexadecimal text. */
export function hex(...lines: readonly string[]): number[] {
  return lines.flatMap((line) => line.split(" ").map((byte) => Number.parseInt(byte, 16)));
}

/** Access bytes: present, and DPL 0 unless the name says otherwise. */
export const ACCESS_CODE = 0x9a;
export const ACCESS_CONFORMING = 0x9e;
export const ACCESS_DATA = 0x92;
export const ACCESS_TSS32 = 0x89;
export const ACCESS_TSS16 = 0x81;
export const ACCESS_LDT = 0x82;
export const DPL3 = 0x60;
/** Flags nibble: G, D/B, L. */
export const FLAG_G = 8;
export const FLAG_D = 4;
export const FLAG_L = 2;

/** An 8-byte segment descriptor; `limit` is the raw 20-bit field. */
export function descriptor(base: number, limit: number, access: number, flags: number): bigint {
  return (
    BigInt(limit & 0xffff) |
    (BigInt(base & 0xffffff) << 16n) |
    (BigInt(access) << 40n) |
    (BigInt((limit >> 16) & 15) << 48n) |
    (BigInt(flags) << 52n) |
    (BigInt((base >>> 24) & 0xff) << 56n)
  );
}

/** A gate of 8 bytes, the lower half of one of 16. `access` holds P, DPL and type. */
export function gate(selector: number, offset: number, access: number, low = 0): bigint {
  return (
    BigInt(offset & 0xffff) |
    (BigInt(selector) << 16n) |
    (BigInt(low) << 32n) |
    (BigInt(access) << 40n) |
    (BigInt(offset >>> 16) << 48n)
  );
}

export function setDescriptor(guest: Guest, selector: number, value: bigint): void {
  guest.cpu.memory.writeU64(GDT + (selector & ~7), value);
}

export function accessByte(guest: Guest, selector: number): number {
  return guest.cpu.memory.readU8(GDT + (selector & ~7) + 5) ?? 0;
}

/** Writes an IDT entry: 8 bytes, or the lower half of 16 in 64-bit mode (`low`: IST). */
export function setGate(guest: Guest, vector: number, value: bigint): void {
  guest.cpu.memory.writeU64(IDT + vector * (guest.mode === 64 ? 16 : 8), value);
}

export function selector(guest: Guest, segment: number): number {
  return guest.cpu.state.getUint16(S.SEGMENTS + segment * S.SEGMENT_STRIDE + S.SEGMENT_SELECTOR, true);
}

export function segmentBase(guest: Guest, segment: number): number {
  return Number(guest.cpu.state.getBigUint64(S.SEGMENTS + segment * S.SEGMENT_STRIDE + S.SEGMENT_BASE, true));
}

export function cpl(guest: Guest): number {
  return guest.cpu.state.getUint32(S.CPL, true);
}

export function u64(guest: Guest, address: number): bigint {
  return guest.cpu.state.getBigUint64(address, true);
}

export function setU64(guest: Guest, address: number, value: bigint): void {
  guest.cpu.state.setBigUint64(address, value, true);
  guest.cpu.updateMode();
}

/** `count` dwords of guest memory. */
export function dwords(guest: Guest, address: number, count: number): number[] {
  return Array.from({ length: count }, (_, index) => guest.cpu.memory.readU32(address + index * 4) ?? -1);
}

export function words(guest: Guest, address: number, count: number): number[] {
  return Array.from({ length: count }, (_, index) => guest.cpu.memory.readU16(address + index * 2) ?? -1);
}

export function quads(guest: Guest, address: number, count: number): number[] {
  return Array.from({ length: count }, (_, index) => Number(guest.cpu.memory.readU64(address + index * 8) ?? -1n));
}

export function put(guest: Guest, address: number, bytes: readonly number[]): void {
  guest.cpu.memory.write(address, Uint8Array.from(bytes));
}

/** Turns a 16-bit guest into real mode: every segment at 0 with 64 KiB, IVT at 0. */
export function enterRealMode(guest: Guest): void {
  const state = guest.cpu.state;
  for (let segment = 0; segment < 6; segment++) {
    const address = S.SEGMENTS + segment * S.SEGMENT_STRIDE;
    state.setBigUint64(address + S.SEGMENT_BASE, 0n, true);
    state.setUint32(address + S.SEGMENT_LIMIT, 0xffff, true);
    state.setUint32(address + S.SEGMENT_ATTRIBUTES, segment === S.CS ? 0x9b : 0x93, true);
    state.setUint16(address + S.SEGMENT_SELECTOR, 0, true);
    state.setUint32(address + S.SEGMENT_FLAT, 0, true);
  }
  state.setBigUint64(S.IDTR, 0n, true);
  state.setUint32(S.IDTR + 8, 0x3ff, true);
  state.setBigUint64(S.CR0, 0x30n, true);
  guest.cpu.updateMode();
}

/** Memory that Guest.setUp() leaves alone goes back to what it was: 32-bit TSS with ring-0 stack. */
export function setTss32(guest: Guest, tss: number, esp0: number, ss0: number): void {
  guest.cpu.memory.fill(tss, 0x80, 0);
  guest.cpu.memory.writeU32(tss + 4, esp0);
  guest.cpu.memory.writeU32(tss + 8, ss0);
  guest.cpu.memory.writeU16(tss + 0x66, 0x68);
}
