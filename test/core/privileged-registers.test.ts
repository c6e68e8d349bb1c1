// CPUID, MSRs, control registers, time stamp, hypercalls, and I/O with the permission bitmap.

import { describe, expect, test } from "vitest";
import * as S from "../../assembly/state";
import { CODE, DATA, Guest, KERNEL_CS, KERNEL_DS, TSS } from "./harness";
import { gate, hex, put, setGate, setTss32, setU64, u64 } from "./system-helpers";

const cpuid = (guest: Guest, leaf: number, subleaf = 0): number[] => {
  guest.setUp();
  guest.set({ rax: BigInt(leaf), rcx: BigInt(subleaf) });
  guest.run(hex("0f a2"));
  return (["rax", "rbx", "rcx", "rdx"] as const).map((register) => Number(guest.get(register)));
};

describe("CPUID", () => {
  const guest = new Guest(32);
  const text = (words: number[]): string =>
    String.fromCharCode(...words.flatMap((word) => [0, 8, 16, 24].map((shift) => (word >>> shift) & 0xff)));

  test("vendor and brand", () => {
    const [max, b, c, d] = cpuid(guest, 0) as [number, number, number, number];
    expect(max).toBe(0xd);
    expect(text([b, d, c])).toBe("GenuineIntel");
    const brand = [0x80000002, 0x80000003, 0x80000004].flatMap((leaf) => cpuid(guest, leaf));
    expect(text(brand).replace(/\0+$/, "")).toMatch(/^Hypertab/);
  });

  test("what is not implemented is not announced", () => {
    const [, , c, d] = cpuid(guest, 1) as [number, number, number, number];
    // VME, MCE, MCA, DS, ACPI, HTT.
    for (const bit of [1, 7, 14, 21, 22, 28]) expect((d >>> bit) & 1).toBe(0);
    // PCLMUL, MONITOR, VMX, FMA, PCID, x2APIC, AES, XSAVE, OSXSAVE, AVX, RDRAND.
    for (const bit of [1, 3, 5, 12, 17, 21, 25, 26, 27, 28, 30]) expect((c >>> bit) & 1).toBe(0);
    const [, b7] = cpuid(guest, 7) as [number, number, number, number];
    expect(b7).toBe((1 << 0) | (1 << 7) | (1 << 20));
  });

  test("the hypervisor bit follows the host, and its leaves come from it", () => {
    expect((cpuid(guest, 1)[2] ?? 0) >>> 31).toBe(0);
    const hosted = new Guest(32, {
      cpuidHypervisor: (leaf, subleaf) => [leaf, subleaf, 0x12345678, 0x9abcdef0],
    });
    expect((cpuid(hosted, 1)[2] ?? 0) >>> 31).toBe(1);
    expect(cpuid(hosted, 0x40000003, 5)).toEqual([0x40000003, 5, 0x12345678, 0x9abcdef0]);
  });

  test("a leaf past the last answers zeros; address sizes", () => {
    expect(cpuid(guest, 0x1234)).toEqual([0, 0, 0, 0]);
    expect(cpuid(guest, 0x80000009)).toEqual([0, 0, 0, 0]);
    expect(cpuid(guest, 0x80000008)[0]).toBe(0x3024);
  });
});

describe("model-specific registers", () => {
  const access = (guest: Guest, index: number, value?: bigint) => {
    guest.set({ rcx: BigInt(index), rax: (value ?? 0n) & 0xffffffffn, rdx: (value ?? 0n) >> 32n });
    const outcome = guest.run(value === undefined ? hex("0f 32") : hex("0f 30"));
    return outcome.vector ?? (value === undefined ? (guest.get("rdx") << 32n) | guest.get("rax") : "written");
  };

  test.each([
    [0x174, 0x1234n],
    [0x175, 0xffff800000001000n],
    [0x277, 0x0407050600070106n],
    [0x2ff, 0xc06n],
    [0x200, 0xf00000006n],
    [0x20f, 0xfffff0800n],
    [0x250, 0x0606060606060606n],
    [0x26f, 0x0505050505050505n],
    [0xc0000081, 0x23001000000000n],
    [0xc0000100, 0x7fff00001234n],
    [0xc0000103, 0xffffffffn],
  ])("%x keeps its value", (index, value) => {
    const guest = new Guest(64);
    expect(access(guest, index, value)).toBe("written");
    expect(access(guest, index)).toBe(value);
  });

  test.each([
    ["IA32_LSTAR, not canonical", 0xc0000082, 0x800000000000n],
    ["GS base, not canonical", 0xc0000101, 0x8000000000000000n],
    ["PAT, type 2", 0x277, 0x0007040600070402n],
    ["EFER, reserved bit", 0xc0000080, 0xd03n],
    ["EFER, LME with paging", 0xc0000080, 0xc01n],
    ["MTRR type 7", 0x2ff, 0xc07n],
    ["MTRRCAP", 0xfe, 0n],
    ["TSC_AUX, upper half", 0xc0000103, 0x100000000n],
    ["one that does not exist", 0x12345, 0n],
  ])("WRMSR of %s is #GP(0)", (_name, index, value) => {
    expect(access(new Guest(64), index, value)).toBe(13);
  });

  test("others are the host's", () => {
    let written: [number, bigint] | undefined;
    const guest = new Guest(64, {
      msrRead: (index) => (index === 0x40000000 ? 0x1122334455667788n : undefined),
      msrWrite: (index, value) => {
        written = [index, value];
        return index === 0x40000001;
      },
    });
    expect(access(guest, 0x40000000)).toBe(0x1122334455667788n);
    expect(access(guest, 0x40000001, 0xfedcba9876543210n)).toBe("written");
    expect(written).toEqual([0x40000001, 0xfedcba9876543210n]);
    expect(access(guest, 0x40000002)).toBe(13);
    guest.setUp();
    expect(access(guest, 0x40000002, 1n)).toBe(13);
  });

  test("the time-stamp counter: offset by WRMSR, RDTSCP, CR4.TSD", () => {
    let now = 1000n;
    const guest = new Guest(64, { readTsc: () => now });
    expect(access(guest, 0x10, 0x500000000n)).toBe("written");
    now += 77n;
    setU64(guest, S.MSR_TSC_AUX, 0x42n);
    guest.run(hex("0f 01 f9"));
    expect((guest.get("rdx") << 32n) | guest.get("rax")).toBe(0x50000004dn);
    expect(guest.get("rcx")).toBe(0x42n);
    setU64(guest, S.CR4, 0x624n);
    expect(guest.run(hex("0f 31")).vector).toBeUndefined();
  });
});

describe("control registers", () => {
  test.each([
    [
      "CR4 with VME",
      hex(
        "b8 01 06 00 00", // mov eax,0x601
        "0f 22 e0", // mov cr4,eax
      ),
    ],
    [
      "CR4 with a reserved bit",
      hex(
        "b8 00 06 00 80", // mov eax,0x80000600
        "0f 22 e0", // mov cr4,eax
      ),
    ],
  ])("%s is #GP(0)", (_name, code) => {
    const guest = new Guest(32);
    expect(guest.run(code)).toMatchObject({ vector: 13, errorCode: 0, offset: 5 });
    expect(u64(guest, S.CR4)).toBe(0x600n);
  });

  test("CR1, CR5 and CR9 are #UD", () => {
    const guest = new Guest(64);
    for (const code of ["0f 20 c8", "0f 22 e8", "44 0f 20 c8"]) {
      guest.setUp();
      expect(guest.run(hex(code))).toMatchObject({ vector: 6, offset: 0 });
    }
  });

  test("CR8 is the host's task priority; CR3 in long mode has reserved bits", () => {
    let priority = 3;
    const guest = new Guest(64, {
      readTaskPriority: () => priority,
      writeTaskPriority: (value) => void (priority = value),
    });
    expect(
      guest.run(
        hex(
          "44 0f 20 c3", // mov rbx,cr8
          "b8 09 00 00 00", // mov eax,0x9
          "44 0f 22 c0", // mov cr8,rax
          "b8 10 00 00 00", // mov eax,0x10
          "44 0f 22 c0", // mov cr8,rax
        ),
      ),
    ).toMatchObject({ vector: 13, offset: 18 });
    expect(guest.get("rbx")).toBe(3n);
    expect(priority).toBe(9);
    guest.setUp();
    guest.set({ rax: 1n << 36n });
    expect(guest.run(hex("0f 22 d8"))).toMatchObject({ vector: 13, errorCode: 0, offset: 0 });
  });

  test("LMSW sets PE but does not clear it; CLTS; SMSW", () => {
    const guest = new Guest(32);
    guest.run(
      hex(
        "b8 0e 00 00 00", // mov eax,0xe
        "0f 01 f0", // lmsw ax
        "0f 01 e3", // smsw ebx
        "0f 06", // clts
        "66 0f 01 e1", // smsw cx
        "0f 20 c2", // mov edx,cr0
      ),
    );
    expect(guest.get("rbx")).toBe(0x3fn);
    expect(Number(guest.get("rcx")) & 0xffff).toBe(0x37);
    expect(guest.get("rdx")).toBe(0x37n);
  });

  test("CR0.TS and EM bits reach x87: WAIT with MP and TS is #NM", () => {
    const guest = new Guest(32);
    expect(
      guest.run(
        hex(
          "b8 0a 00 00 00", // mov eax,0xa
          "0f 01 f0", // lmsw ax
          "9b", // fwait
        ),
      ),
    ).toMatchObject({ vector: 7, offset: 8 });
  });

  test("STAC and CLAC change AC alone, at CPL 0", () => {
    const guest = new Guest(64);
    guest.run(
      hex(
        "0f 01 cb", // stac
        "9c", // pushf
        "5b", // pop rbx
        "0f 01 ca", // clac
        "9c", // pushf
        "59", // pop rcx
      ),
    );
    expect(guest.get("rbx")).toBe(0x40002n);
    expect(guest.get("rcx")).toBe(2n);
  });

  test("VMCALL goes to the host, or is #UD", () => {
    const guest = new Guest(64, {
      hypercall: () => {
        guest.set({ rax: guest.get("rcx") + 1n });
        return true;
      },
    });
    guest.set({ rcx: 41n });
    guest.run(hex("0f 01 c1"));
    expect(guest.get("rax")).toBe(42n);
    guest.run(hex("0f 01 d9"));
    expect(guest.get("rax")).toBe(42n);
    expect(new Guest(64).run(hex("0f 01 c1"))).toMatchObject({ vector: 6, offset: 0 });
  });
});

describe("input and output", () => {
  const recorder = (): { guest: Guest; log: string[] } => {
    const log: string[] = [];
    let next = 0;
    const guest = new Guest(32, {
      portRead: (port, size) => {
        log.push(`r${port.toString(16)}/${size}`);
        return 0x11111111 * ((next++ % 15) + 1);
      },
      portWrite: (port, size, value) => void log.push(`w${port.toString(16)}/${size}=${value.toString(16)}`),
    });
    return { guest, log };
  };

  test("sizes and registers", () => {
    const { guest, log } = recorder();
    guest.set({ rax: 0xaabbccddn, rdx: 0x3f8n });
    guest.run(
      hex(
        "e6 80", // out 0x80,al
        "66 ef", // out dx,ax
        "ef", // out dx,eax
        "e4 64", // in al,0x64
        "66 ed", // in ax,dx
        "ed", // in eax,dx
      ),
    );
    expect(log).toEqual(["w80/1=dd", "w3f8/2=ccdd", "w3f8/4=aabbccdd", "r64/1", "r3f8/2", "r3f8/4"]);
    expect(guest.get("rax")).toBe(0x33333333n);
  });

  test("REP OUTSW and REP INSB by direction and address size", () => {
    const { guest, log } = recorder();
    guest.cpu.memory.writeU64(DATA, 0x0004000300020001n);
    guest.set({ rdx: 0x1f0n });
    guest.run(
      hex(
        "b9 03 00 00 00", // mov ecx,0x3
        "be 00 00 20 00", // mov esi,0x200000
        "66 f3 6f", // rep outs dx,WORD PTR ds:[esi]
        "fd", // std
        "b9 02 00 00 00", // mov ecx,0x2
        "bf 11 00 20 00", // mov edi,0x200011
        "f3 6c", // rep ins BYTE PTR es:[edi],dx
        "fc", // cld
        "b9 00 00 00 00", // mov ecx,0x0
        "f3 6d", // rep ins DWORD PTR es:[edi],dx
      ),
    );
    expect(log).toEqual(["w1f0/2=1", "w1f0/2=2", "w1f0/2=3", "r1f0/1", "r1f0/1"]);
    expect(guest.get("rsi")).toBe(0x200006n);
    expect(guest.get("rdi")).toBe(0x20000fn);
    expect(guest.cpu.memory.readU16(0x200010)).toBe(0x1122);
  });

  test("INS checks its page before it reads the port, and restarts where it stopped", () => {
    const log: number[] = [];
    const guest = new Guest(64, { portRead: (port) => (log.push(port), 0x55) });
    guest.cpu.memory.writeU64(0x12000 + 2 * 8, 0n);
    guest.set({ rdx: 0x60n, rcx: 4n, rdi: 0x3ffffen });
    expect(guest.run(hex("f3 6c"))).toMatchObject({ vector: 14, errorCode: 2, offset: 0 });
    expect(log).toHaveLength(2);
    expect([guest.get("rcx"), guest.get("rdi"), u64(guest, S.CR2)]).toEqual([2n, 0x400000n, 0x400000n]);
  });

  describe("the permission bitmap", () => {
    const toRing3 = hex(
      "6a 2b", // push 0x2b
      "68 00 88 00 00", // push 0x8800
      "68 02 02 00 00", // push 0x202
      "6a 23", // push 0x23
      "68 00 b0 00 00", // push 0xb000
      "cf", // iret
    );
    const inRing3 = (code: number[], bitmap: (guest: Guest) => void) => {
      const { guest, log } = recorder();
      setTss32(guest, TSS, 0x8000, KERNEL_DS);
      guest.cpu.state.setUint32(S.SEGMENTS + S.TR * S.SEGMENT_STRIDE + S.SEGMENT_LIMIT, 0x77, true);
      guest.cpu.memory.fill(TSS + 0x68, 0x10, 0xff);
      setGate(guest, 0x80, gate(KERNEL_CS, 0x3080, 0xee));
      bitmap(guest);
      put(guest, 0xb000, [...code, ...hex("cd 80")]);
      const outcome = guest.run(toRing3);
      return { vector: outcome.vector, code: outcome.errorCode, log };
    };
    const allow = (bits: number) => (guest: Guest) => void guest.cpu.memory.writeU16(TSS + 0x68 + 8, 0xffff & ~bits);

    test("a clear bit allows, a set one is #GP(0)", () => {
      // Port 0x42 is bit 2 of byte 8.
      expect(inRing3(hex("e4 42"), allow(1 << 2))).toMatchObject({ vector: 0x80, log: ["r42/1"] });
      expect(inRing3(hex("e4 43"), allow(1 << 2))).toMatchObject({ vector: 13, code: 0, log: [] });
    });

    test("each byte of a wide access needs its bit, across bytes of the bitmap too", () => {
      expect(inRing3(hex("e5 46"), allow(0b11 << 6))).toMatchObject({ vector: 13, log: [] });
      expect(inRing3(hex("e5 46"), allow(0b1111 << 6))).toMatchObject({ vector: 0x80, log: ["r46/4"] });
    });

    test("beyond the limit, and with a map base outside, nothing is allowed", () => {
      expect(inRing3(hex("e4 78"), (guest) => void guest.cpu.memory.fill(TSS + 0x68, 0x10, 0))).toMatchObject({
        vector: 13,
      });
      expect(inRing3(hex("e4 70"), (guest) => void guest.cpu.memory.fill(TSS + 0x68, 0x10, 0))).toMatchObject({
        vector: 0x80,
      });
      expect(inRing3(hex("e4 00"), (guest) => void guest.cpu.memory.writeU16(TSS + 0x66, 0x78))).toMatchObject({
        vector: 13,
      });
    });
  });
});

test("LOCK, undefined opcodes and over-long instructions", () => {
  const guest = new Guest(64);
  const cases: [string, number][] = [
    ["0f 0b", 6],
    ["0f b9 c0", 6],
    ["0f ff c0", 6],
    ["8e c8", 6],
    ["8c f0", 6],
    ["0f 01 c8", 6],
    ["0f 01 d0", 6],
    ["06", 6],
    ["9a 00 00 00 00 08 00", 6],
    ["ff d8", 6],
    ["f0 f4", 6],
    ["66 66 66 66 66 66 66 66 66 66 66 66 66 66 66 90", 13],
  ];
  for (const [code, vector] of cases) {
    guest.setUp();
    expect([code, guest.run(hex(code))]).toMatchObject([code, { vector, offset: 0 }]);
  }
  expect(CODE).toBe(0xa000);
});

test.each([
  [
    "CMOV",
    hex(
      "0f 40 c3", // cmovo eax,ebx
    ),
  ],
  [
    "CX8",
    hex(
      "0f c7 0e", // cmpxchg8b QWORD PTR [rsi]
    ),
  ],
  [
    "CX16",
    hex(
      "48 0f c7 0e", // cmpxchg16b OWORD PTR [rsi]
    ),
  ],
  [
    "MOVBE",
    hex(
      "0f 38 f0 06", // movbe eax,DWORD PTR [rsi]
      "48 0f 38 f1 06", // movbe QWORD PTR [rsi],rax
    ),
  ],
  [
    "POPCNT",
    hex(
      "f3 48 0f b8 c3", // popcnt rax,rbx
    ),
  ],
  [
    "MMX",
    hex(
      "0f fc c1", // paddb mm0,mm1
      "0f 77", // emms
    ),
  ],
  [
    "SSE",
    hex(
      "0f 58 c1", // addps xmm0,xmm1
      "0f ae f8", // sfence
      "0f 18 06", // prefetchnta BYTE PTR [rsi]
      "0f ae 1e", // stmxcsr DWORD PTR [rsi]
    ),
  ],
  [
    "SSE2",
    hex(
      "66 0f d4 c1", // paddq xmm0,xmm1
      "66 0f 59 c2", // mulpd xmm0,xmm2
      "0f ae f0", // mfence
      "0f ae e8", // lfence
      "0f c3 06", // movnti DWORD PTR [rsi],eax
      "f3 90", // pause
      "66 0f f7 c3", // maskmovdqu xmm0,xmm3
    ),
  ],
  [
    "SSE3",
    hex(
      "f2 0f 7c c1", // haddps xmm0,xmm1
      "dd 0e", // fisttp QWORD PTR [rsi]
      "f2 0f f0 0e", // lddqu xmm1,[rsi]
      "f2 0f 12 ca", // movddup xmm1,xmm2
    ),
  ],
  [
    "SSSE3",
    hex(
      "66 0f 38 00 c1", // pshufb xmm0,xmm1
      "0f 3a 0f c1 03", // palignr mm0,mm1,0x3
      "66 0f 38 01 ca", // phaddw xmm1,xmm2
    ),
  ],
  [
    "SSE4.1",
    hex(
      "66 0f 3a 0e c1 05", // pblendw xmm0,xmm1,0x5
      "66 0f 3a 40 c1 ff", // dpps xmm0,xmm1,0xff
      "66 0f 3a 0b c1 01", // roundsd xmm0,xmm1,0x1
      "66 0f 38 17 c1", // ptest xmm0,xmm1
      "66 0f 3a 42 ca 01", // mpsadbw xmm1,xmm2,0x1
      "66 0f 38 2a 0e", // movntdqa xmm1,XMMWORD PTR [rsi]
    ),
  ],
  [
    "SSE4.2",
    hex(
      "f2 48 0f 38 f1 c3", // crc32 rax,rbx
      "66 0f 3a 63 c1 00", // pcmpistri xmm0,xmm1,0x0
      "66 0f 38 37 c1", // pcmpgtq xmm0,xmm1
    ),
  ],
  [
    "FXSR",
    hex(
      "0f ae 06", // fxsave [rsi]
      "0f ae 0e", // fxrstor [rsi]
    ),
  ],
  [
    "CLFSH",
    hex(
      "0f ae 3e", // clflush BYTE PTR [rsi]
    ),
  ],
  [
    "LAHF",
    hex(
      "9f", // lahf
      "9e", // sahf
    ),
  ],
  [
    "RDTSCP",
    hex(
      "0f 01 f9", // rdtscp
    ),
  ],
  [
    "TSC",
    hex(
      "0f 31", // rdtsc
    ),
  ],
  [
    "FPU",
    hex(
      "db e3", // fninit
      "d9 eb", // fldpi
      "d9 fe", // fsin
      "dd d8", // fstp st(0)
      "9b", // fwait
    ),
  ],
])("what CPUID announces runs: %s", (_name, code) => {
  const guest = new Guest(64);
  guest.set({ rsi: BigInt(DATA), rdi: BigInt(DATA), rax: 0n });
  guest.cpu.memory.fill(DATA, 512, 0);
  expect(guest.run(code)).toMatchObject({ vector: undefined, offset: code.length });
});

test("INVLPG does not look at the segment's limit", () => {
  const guest = new Guest(32);
  expect(
    guest.run(
      hex(
        "31 c0", // xor eax,eax
        "8e c0", // mov es,eax
        "26 0f 01 3d 00 00 20 00", // invlpg BYTE PTR es:0x200000
      ),
    ).vector,
  ).toBeUndefined();
});
