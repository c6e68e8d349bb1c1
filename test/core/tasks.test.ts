// Hardware task switches: JMP, CALL and IRET, gates, 16-bit TSSs. SDM volume 3, chapter 8.

import { beforeEach, describe, expect, test } from "vitest";
import * as S from "../../assembly/state";
import {
  CODE,
  FREE_SELECTOR,
  Guest,
  KERNEL_CS,
  KERNEL_DS,
  STACK_TOP,
  TSS,
  TSS_SELECTOR,
  USER_CS,
  USER_DS,
} from "./harness";
import {
  ACCESS_TSS16,
  ACCESS_TSS32,
  DPL3,
  accessByte,
  cpl,
  descriptor,
  gate,
  hex,
  put,
  selector,
  setDescriptor,
  setGate,
  setTss32,
  u64,
} from "./system-helpers";

const NEW_TSS = 0x5000;
const NEW_CODE = 0xb000;
const NEW_STACK = 0x7000;

describe("task switches", () => {
  let guest: Guest;
  const callFree = hex("9a 00 00 00 00 58 00");
  const jumpFree = hex("ea 00 00 00 00 58 00");

  /** A 32-bit TSS at NEW_TSS that starts at NEW_CODE. */
  const makeTask = (fields: { cs?: number; ss?: number; eflags?: number; ldt?: number; trap?: number } = {}): void => {
    const memory = guest.cpu.memory;
    setTss32(guest, NEW_TSS, 0x6800, KERNEL_DS);
    memory.writeU32(NEW_TSS + 0x20, NEW_CODE);
    memory.writeU32(NEW_TSS + 0x24, fields.eflags ?? 2);
    for (let n = 0; n < 8; n++) memory.writeU32(NEW_TSS + 0x28 + n * 4, 0x1000 + n);
    memory.writeU32(NEW_TSS + 0x38, NEW_STACK);
    for (let n = 0; n < 6; n++) memory.writeU32(NEW_TSS + 0x48 + n * 4, fields.ss ?? KERNEL_DS);
    memory.writeU32(NEW_TSS + 0x4c, fields.cs ?? KERNEL_CS);
    memory.writeU32(NEW_TSS + 0x60, fields.ldt ?? 0);
    memory.writeU16(NEW_TSS + 0x64, fields.trap ?? 0);
    setDescriptor(guest, FREE_SELECTOR, descriptor(NEW_TSS, 0x67, ACCESS_TSS32, 0));
  };

  beforeEach(() => {
    guest = new Guest(32);
    setTss32(guest, TSS, 0x8000, KERNEL_DS);
    makeTask();
  });

  test("JMP saves the old state, frees its TSS and marks the new one busy", () => {
    guest.set({ rax: 0xaan, rbx: 0xbbn, rbp: 0xcn });
    put(guest, NEW_CODE, hex("f4"));
    guest.run(jumpFree);
    expect(guest.cpu.rip).toBe(BigInt(NEW_CODE + 1));
    expect([guest.get("rax"), guest.get("rcx"), guest.get("rdi")]).toEqual([0x1000n, 0x1001n, 0x1007n]);
    expect(guest.get("rsp")).toBe(BigInt(NEW_STACK));
    expect(selector(guest, S.TR)).toBe(FREE_SELECTOR);
    expect(accessByte(guest, TSS_SELECTOR) & 2).toBe(0);
    expect(accessByte(guest, FREE_SELECTOR) & 2).toBe(2);
    expect(u64(guest, S.CR0) & 8n).toBe(8n);
    const memory = guest.cpu.memory;
    expect(memory.readU32(TSS + 0x20)).toBe(CODE + 7);
    expect(memory.readU32(TSS + 0x28)).toBe(0xaa);
    expect(memory.readU32(TSS + 0x34)).toBe(0xbb);
    expect(memory.readU32(TSS + 0x38)).toBe(STACK_TOP);
    expect(memory.readU16(TSS + 0x4c)).toBe(KERNEL_CS);
    expect(guest.flags & 0x4000).toBe(0);
  });

  test("CALL nests, IRET returns; NT and the link", () => {
    put(
      guest,
      NEW_CODE,
      hex(
        "9c", // pushf
        "5b", // pop ebx
        "cf", // iret
        "be 77 00 00 00", // mov esi,0x77
        "f4", // hlt
      ),
    );
    guest.set({ rdx: 0xddn });
    const outcome = guest.run([...callFree, ...hex("90")]);
    expect(outcome).toMatchObject({ vector: undefined, offset: 8 });
    expect(guest.get("rdx")).toBe(0xddn);
    expect(selector(guest, S.TR)).toBe(TSS_SELECTOR);
    expect(guest.cpu.memory.readU16(NEW_TSS)).toBe(TSS_SELECTOR);
    expect(accessByte(guest, FREE_SELECTOR) & 2).toBe(0);
    expect(accessByte(guest, TSS_SELECTOR) & 2).toBe(2);
    // The task's own state after its IRET: NT was set while it ran, and is not in what it saved.
    expect(guest.cpu.memory.readU32(NEW_TSS + 0x34)).toBe(0x4002);
    expect(guest.cpu.memory.readU32(NEW_TSS + 0x24)).toBe(2);
    expect(guest.cpu.memory.readU32(NEW_TSS + 0x20)).toBe(NEW_CODE + 3);
    // Called again, it goes on after the IRET.
    guest.run(callFree);
    expect(guest.get("rsi")).toBe(0x77n);
  });

  test("a switch to ring 3", () => {
    makeTask({ cs: USER_CS, ss: USER_DS, eflags: 0x202 });
    put(guest, NEW_CODE, hex("0f 0b"));
    expect(guest.run(jumpFree)).toMatchObject({ vector: 6, offset: NEW_CODE - CODE });
    // The handler's stack came from the new TSS.
    expect(guest.get("rsp")).toBe(BigInt(0x6800 - 20));
  });

  test("an exception through a task gate pushes its code on the new stack; IRET restarts the instruction", () => {
    setGate(guest, 13, gate(FREE_SELECTOR, 0, 0x85));
    put(
      guest,
      NEW_CODE,
      hex(
        "8b 2c 24", // mov ebp,DWORD PTR [esp]
        "c7 05 28 40 00 00 10 00 00 00", // mov DWORD PTR ds:0x4028,0x10
        "83 c4 04", // add esp,0x4
        "cf", // iret
      ),
    );
    // MOV DS, AX with a bad selector: the handler's task corrects EAX in the old TSS.
    const outcome = guest.run(hex("b8 f0 0f 00 00", "8e d8"));
    expect(outcome).toMatchObject({ vector: undefined, offset: 7 });
    expect(guest.get("rax")).toBe(0x10n);
    expect(guest.cpu.memory.readU32(NEW_TSS + 0x3c)).toBe(0xff0);
    expect(guest.get("rsp")).toBe(BigInt(STACK_TOP));
  });

  test("a task gate in the GDT", () => {
    setDescriptor(guest, FREE_SELECTOR + 8, gate(FREE_SELECTOR, 0, 0x85));
    put(guest, NEW_CODE, hex("f4"));
    guest.run(hex("ea 00 00 00 00 60 00"));
    expect(selector(guest, S.TR)).toBe(FREE_SELECTOR);
  });

  test("a 16-bit TSS", () => {
    const memory = guest.cpu.memory;
    memory.fill(NEW_TSS, 0x2c, 0);
    memory.writeU16(NEW_TSS + 0x0e, NEW_CODE);
    memory.writeU16(NEW_TSS + 0x10, 0x0002);
    memory.writeU16(NEW_TSS + 0x12, 0x1234);
    memory.writeU16(NEW_TSS + 0x1a, NEW_STACK);
    for (const [n, value] of [KERNEL_DS, KERNEL_CS, KERNEL_DS, KERNEL_DS].entries())
      memory.writeU16(NEW_TSS + 0x22 + n * 2, value);
    setDescriptor(guest, FREE_SELECTOR, descriptor(NEW_TSS, 0x2b, ACCESS_TSS16, 0));
    put(guest, NEW_CODE, hex("cf"));
    expect(guest.run([...callFree, ...hex("90")])).toMatchObject({ vector: undefined, offset: 8 });
    expect(memory.readU16(NEW_TSS + 0x12)).toBe(0x1234);
    expect(memory.readU16(NEW_TSS + 0x0e)).toBe(NEW_CODE + 1);
    expect(memory.readU16(NEW_TSS)).toBe(TSS_SELECTOR);
  });

  test.each([
    ["busy", () => setDescriptor(guest, FREE_SELECTOR, descriptor(NEW_TSS, 0x67, 0x8b, 0)), 13],
    ["not present", () => setDescriptor(guest, FREE_SELECTOR, descriptor(NEW_TSS, 0x67, 0x09, 0)), 11],
    ["too short", () => setDescriptor(guest, FREE_SELECTOR, descriptor(NEW_TSS, 0x66, ACCESS_TSS32, 0)), 10],
  ])("a TSS that is %s faults in the old task", (_name, prepare, vector) => {
    prepare();
    expect(guest.run(callFree)).toMatchObject({ vector, errorCode: FREE_SELECTOR, offset: 0 });
    expect(selector(guest, S.TR)).toBe(TSS_SELECTOR);
  });

  test("a bad segment in the new task is #TS there, at its first instruction", () => {
    makeTask();
    guest.cpu.memory.writeU32(NEW_TSS + 0x54, 0x0ff0);
    expect(guest.run(callFree)).toMatchObject({ vector: 10, errorCode: 0xff0, offset: NEW_CODE - CODE });
    expect(selector(guest, S.TR)).toBe(FREE_SELECTOR);
    expect(cpl(guest)).toBe(0);
  });

  test("the T flag of the TSS is a debug trap before the first instruction", () => {
    makeTask({ trap: 1 });
    put(guest, NEW_CODE, hex("f4"));
    expect(guest.run(jumpFree)).toMatchObject({ vector: 1, offset: NEW_CODE - CODE });
    expect(u64(guest, S.DR + 48) & 0x8000n).toBe(0x8000n);
  });

  test("IRET with NT to a TSS that is not busy is #TS with the link", () => {
    guest.cpu.memory.writeU16(TSS, FREE_SELECTOR);
    const code = hex(
      "68 02 40 00 00", // push 0x4002
      "9d", // popf
      "cf", // iret
    );
    expect(guest.run(code)).toMatchObject({ vector: 10, errorCode: FREE_SELECTOR, offset: code.length - 1 });
    expect(DPL3).toBe(0x60);
  });
});
