// Runs recorded x87 cases (record.c) on the core and compares.

import { CODE, DATA, type Guest } from "../harness";
import * as S from "../../../assembly/state";

/** Opcodes of D9 whose results are compared within a unit of the last place: the transcendental functions. */
const TRANSCENDENTAL = new Set(["d9f0", "d9f1", "d9f2", "d9f3", "d9f9", "d9fb", "d9fe", "d9ff"]);

const fromHex = (text: string): number[] => (text.match(/../g) ?? []).map((byte) => parseInt(byte, 16));

function reversed(text: string): number[] {
  return fromHex(text).reverse();
}

/** A register as one integer that orders like its magnitude, so that neighbours differ by one. */
function ordinal(register: string): bigint {
  const value = BigInt(`0x${register}`);
  const magnitude = value & ((1n << 79n) - 1n);
  const exponent = magnitude >> 64n;
  const significand = magnitude & ((1n << 63n) - 1n);
  return (exponent << 63n) | significand;
}

/** Distance in units of the last place, or undefined if the signs differ or one is a NaN and the other not. */
export function ulps(a: string, b: string): bigint | undefined {
  if (a === b) return 0n;
  if (a === "-" || b === "-" || (parseInt(a[0]!, 16) ^ parseInt(b[0]!, 16)) & 8) return undefined;
  const distance = ordinal(a) - ordinal(b);
  return distance < 0n ? -distance : distance;
}

/** Runs one line; returns what differs, or undefined. */
export function runVector(guest: Guest, line: string): string | undefined {
  const [before, after] = line.split(" : ");
  const [bytes, depth, control, st0, st1, memory, flags] = before!.split(" ") as [
    string,
    string,
    string,
    string,
    string,
    string,
    string,
  ];
  const [status, tags, st0After, st1After, memoryAfter, flagsAfter] = after!.split(" ") as [
    string,
    string,
    string,
    string,
    string,
    string,
  ];
  const code = [0xdb, 0xe3];
  for (let i = 1; i < Number(depth); i++) code.push(0xdb, 0x6f, 0x10);
  if (depth !== "0") code.push(0xdb, 0x2f);
  code.push(0xd9, 0x6f, 0x20, ...fromHex(bytes));
  const hasMemory = parseInt(bytes.slice(2), 16) < 0xc0;
  if (hasMemory) code.push(48);
  code.push(0xdd, 0xb7, 0x80, 0, 0, 0, 0xf4);
  const ram = guest.cpu.memory;
  // Writing code anew would decode it anew.
  if (guestCode.get(guest) !== bytes + depth) {
    ram.write(CODE, Uint8Array.from(code));
    guestCode.set(guest, bytes + depth);
  }
  ram.write(DATA, Uint8Array.from(reversed(st0)));
  ram.write(DATA + 16, Uint8Array.from(reversed(st1)));
  ram.writeU16(DATA + 32, parseInt(control, 16));
  ram.write(DATA + 48, Uint8Array.from(fromHex(memory)));
  guest.set({ rdi: BigInt(DATA) });
  guest.flags = parseInt(flags, 16) | 2;
  const state = guest.cpu.state;
  state.setBigUint64(S.RIP, BigInt(CODE), true);
  state.setUint32(S.HALTED, 0, true);
  const outcome = guest.outcome(guest.cpu.run(guest.cpu.instructionCount + 30));
  if (outcome.vector !== undefined || outcome.offset !== code.length - 1) return `stopped: ${JSON.stringify(outcome)}`;

  const image = new Uint8Array(108);
  for (let i = 0; i < 108; i++) image[i] = ram.readU8(DATA + 128 + i) ?? 0;
  const word = (at: number): number => image[at]! | (image[at + 1]! << 8);
  const hex = (value: number): string => value.toString(16).padStart(4, "0");
  const top = (word(4) >> 11) & 7;
  const register = (i: number): string => {
    if (((word(8) >> (((top + i) & 7) * 2)) & 3) === 3) return "-";
    return [...image.slice(28 + 10 * i, 38 + 10 * i)]
      .reverse()
      .map((byte) => byte.toString(16).padStart(2, "0"))
      .join("");
  };
  const transcendental = TRANSCENDENTAL.has(bytes);
  const close = (got: string, expected: string): boolean => {
    const distance = ulps(got, expected);
    return distance === 0n || (transcendental && distance !== undefined && distance <= 1n);
  };
  const differences: string[] = [];
  // C1 of a transcendental tells the direction of a rounding that may differ by a unit.
  const ignored = transcendental ? 0x200 : 0;
  if ((word(4) | ignored) !== (parseInt(status, 16) | ignored)) differences.push(`status ${hex(word(4))}`);
  if (hex(word(8)) !== tags) differences.push(`tags ${hex(word(8))}`);
  if (!close(register(0), st0After)) differences.push(`ST0 ${register(0)}`);
  if (!close(register(1), st1After)) differences.push(`ST1 ${register(1)}`);
  let stored = "";
  for (let i = 0; i < 10; i++) stored += (ram.readU8(DATA + 48 + i) ?? 0).toString(16).padStart(2, "0");
  if (stored !== memoryAfter) differences.push(`memory ${stored}`);
  const gotFlags = (guest.flags & 0x8d5).toString(16).padStart(3, "0");
  if (gotFlags !== flagsAfter) differences.push(`flags ${gotFlags}`);
  return differences.length === 0 ? undefined : `${differences.join(", ")} for ${line}`;
}

const guestCode = new WeakMap<Guest, string>();
