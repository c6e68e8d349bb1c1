import { describe, expect, test } from "vitest";
import { loadBoot } from "../../../emulator/boot/load";
import { ConfigurationError } from "../../../emulator/machine-types";
import type { BootImage } from "../../../emulator/boot/types";
import { gzipPayload, lz4Payload, makeBzImage, makeElf, pattern, PREFERRED, xzPayload, zstdPayload } from "./kernels";

const MIB = 0x10_0000;
const MEMORY = 64 * MIB;
const text = pattern(0x2000, 1);
const data = pattern(0x300, 2);
const elf64 = makeElf({
  wide: true,
  entry: BigInt(PREFERRED) + 0x40n,
  segments: [
    { physical: PREFERRED, virtual: 0xffff_ffff_8100_0000n, bytes: text },
    { physical: PREFERRED + 0x3000, virtual: 0n, bytes: data, memorySize: 0x5000 },
  ],
});
const elf32 = makeElf({
  wide: false,
  entry: BigInt(PREFERRED) + 0x10n,
  segments: [{ physical: PREFERRED, virtual: 0xc100_0000n, bytes: text }],
});

const region = (image: BootImage, name: string) => {
  const found = image.regions.find((candidate) => candidate.name === name);
  if (!found) throw new Error(`no region ${name}`);
  return found;
};
const view = (bytes: Uint8Array): DataView => new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);

async function failure(source: Parameters<typeof loadBoot>[0], memory = MEMORY): Promise<string> {
  const error: unknown = await loadBoot(source, memory).then(
    () => undefined,
    (reason: unknown) => reason,
  );
  expect(error).toBeInstanceOf(ConfigurationError);
  expect((error as Error).message).not.toContain("\n");
  return (error as Error).message;
}

describe("entering an unpacked kernel", () => {
  test("a 64-bit kernel lies at its physical addresses and is entered in long mode with rsi on boot_params", async () => {
    const image = await loadBoot({ kernel: makeBzImage({ payload: gzipPayload(elf64) }) }, MEMORY);
    expect(image.method).toBe("vmlinux-64");
    expect(region(image, "kernel segment 0")).toMatchObject({ gpa: PREFERRED, bytes: text });
    expect(region(image, "kernel segment 1")).toMatchObject({ gpa: PREFERRED + 0x3000, bytes: data });
    const { processor } = image;
    expect(processor).toMatchObject({
      mode: "long",
      rip: PREFERRED + 0x40,
      rflags: 2,
      efer: 0x500,
      cr4: 0x20,
      cr0: 0x8000_0011,
    });
    expect(processor.registers.rsi).toBe(region(image, "boot_params").gpa);
    expect(processor.cs).toEqual({ selector: 0x10, base: 0, limit: 0xffff_ffff, attributes: 0xa09b });
    expect(processor.data).toEqual({ selector: 0x18, base: 0, limit: 0xffff_ffff, attributes: 0xc093 });
  });

  test("its page tables map the first 4 GiB onto themselves", async () => {
    const image = await loadBoot({ kernel: makeBzImage({ payload: gzipPayload(elf64) }) }, MEMORY);
    const tables = region(image, "page tables");
    expect(image.processor.cr3).toBe(tables.gpa);
    const entry = (table: number, index: number): number =>
      Number(view(tables.bytes).getBigUint64(table - tables.gpa + index * 8, true));
    const translate = (address: number): number => {
      const pml4e = entry(tables.gpa, 0);
      const pdpte = entry(pml4e - (pml4e % 0x1000), Math.floor(address / 2 ** 30));
      const pde = entry(pdpte - (pdpte % 0x1000), Math.floor(address / 2 ** 21) % 512);
      expect([pml4e & 3, pdpte & 3, pde & 0x83]).toEqual([3, 3, 0x83]);
      return pde - (pde % 0x1000) + (address % 2 ** 21);
    };
    for (const address of [0, 0x12_3456, PREFERRED, 0x3fff_ffff, 0x4000_0000, 0xfee0_0020, 0xffff_ffff]) {
      expect(translate(address)).toBe(address);
    }
  });

  test("a 32-bit kernel is entered in protected mode without paging", async () => {
    const image = await loadBoot({ kernel: makeBzImage({ payload: gzipPayload(elf32) }) }, MEMORY);
    expect(image.method).toBe("vmlinux-32");
    expect(image.processor).toMatchObject({
      mode: "protected",
      rip: PREFERRED + 0x10,
      cr0: 0x11,
      cr3: 0,
      cr4: 0,
      efer: 0,
    });
    expect(image.processor.cs.attributes).toBe(0xc09b);
    expect(image.processor.registers.rsi).toBe(region(image, "boot_params").gpa);
  });

  test("the descriptor table in memory says the same as the segments", async () => {
    for (const [elf, code] of [
      [elf64, 0x00af_9b00_0000_ffffn],
      [elf32, 0x00cf_9b00_0000_ffffn],
    ] as const) {
      const image = await loadBoot({ kernel: makeBzImage({ payload: gzipPayload(elf) }) }, MEMORY);
      const table = region(image, "GDT");
      expect(image.processor.gdtr).toEqual({ base: table.gpa, limit: 0x1f });
      expect(view(table.bytes).getBigUint64(0x10, true)).toBe(code);
      expect(view(table.bytes).getBigUint64(0x18, true)).toBe(0x00cf_9300_0000_ffffn);
    }
  });

  test("regions lie in RAM and do not overlap", async () => {
    const image = await loadBoot(
      { kernel: makeBzImage({ payload: gzipPayload(elf64) }), initrd: pattern(5000, 3) },
      MEMORY,
    );
    const sorted = [...image.regions].sort((a, b) => a.gpa - b.gpa);
    sorted.forEach(({ gpa, bytes }, index) => {
      expect(gpa + bytes.length).toBeLessThanOrEqual(sorted[index + 1]?.gpa ?? MEMORY);
    });
  });
});

describe("unpacking", () => {
  const codeLike = Uint8Array.from([
    0x90, 0xe8, 0x10, 0x20, 0x00, 0x00, 0x55, 0xe9, 0xf0, 0xff, 0xff, 0xff, 0xc3, 0, 0, 0,
  ]);
  /** What the x86 filter makes of codeLike at a file offset: operands become absolute. */
  const filtered = (elf: Uint8Array, at: number): Uint8Array => {
    const bytes = elf.slice();
    const operands = view(bytes);
    operands.setUint32(at + 2, operands.getUint32(at + 2, true) + at + 6, true);
    operands.setUint32(at + 8, (operands.getUint32(at + 8, true) + at + 12) & 0x1ff_ffff, true);
    return bytes;
  };
  const elf = makeElf({ wide: true, entry: BigInt(PREFERRED), segments: [{ physical: PREFERRED, bytes: codeLike }] });
  const at = elf.length - codeLike.length;

  test.each([
    ["gzip", () => gzipPayload(elf)],
    ["zstd", () => zstdPayload(elf)],
    ["xz", () => xzPayload(elf, elf, false)],
    ["xz with the x86 filter", () => xzPayload(filtered(elf, at), elf, true)],
    ["lz4", () => lz4Payload(elf.subarray(0, elf.length - 2), 1, 20, new Uint8Array(5))],
  ])("%s", async (_, pack) => {
    const payload = pack();
    const image = await loadBoot({ kernel: makeBzImage({ payload }) }, MEMORY);
    expect(image.method).toBe("vmlinux-64");
    expect(region(image, "kernel segment 0").bytes).toEqual(codeLike);
  });

  test("a damaged gzip payload is refused by its CRC", async () => {
    const payload = gzipPayload(elf64);
    payload[payload.length - 6]! ^= 1;
    expect(await failure({ kernel: makeBzImage({ payload }) })).toMatch(/damaged/);
  });

  test("what cannot be unpacked is left to the kernel, at the entry that it announces", async () => {
    const lzo = Uint8Array.from([0x89, 0x4c, 0x5a, 0x4f, 0, 0, 0, 0]);
    const long = await loadBoot({ kernel: makeBzImage({ payload: lzo, xloadflags: 1 }) }, MEMORY);
    expect(long).toMatchObject({ method: "bzImage-64", processor: { mode: "long", rip: 0x10_0200 } });
    expect(long.why).toContain("lzo");
    const protectedMode = await loadBoot({ kernel: makeBzImage({ payload: lzo }) }, MEMORY);
    expect(protectedMode).toMatchObject({ method: "bzImage-32", processor: { mode: "protected", rip: 0x10_0000 } });
    expect(region(protectedMode, "kernel").gpa).toBe(0x10_0000);
    // xloadflags came with protocol 2.12; in 2.10 the same bytes mean nothing.
    const old = await loadBoot({ kernel: makeBzImage({ payload: lzo, xloadflags: 1, version: 0x20a }) }, MEMORY);
    expect(old.method).toBe("bzImage-32");
  });

  test("a kernel linked elsewhere than its preferred address unpacks itself", async () => {
    const moved = makeElf({ wide: true, entry: 0x200_0000n, segments: [{ physical: 0x200_0000, bytes: text }] });
    const image = await loadBoot({ kernel: makeBzImage({ payload: gzipPayload(moved), xloadflags: 1 }) }, MEMORY);
    expect(image.method).toBe("bzImage-64");
  });
});

describe("boot_params", () => {
  test("hold the setup header, command line, initrd and address map", async () => {
    const initrd = pattern(0x1801, 4);
    const kernel = makeBzImage({ payload: gzipPayload(elf64) });
    const image = await loadBoot({ kernel, initrd, commandLine: "console=ttyS0 quiet" }, MEMORY);
    const parameters = region(image, "boot_params").bytes;
    const fields = view(parameters);
    expect(parameters.length).toBe(4096);
    expect(fields.getUint32(0x202, true)).toBe(0x5372_6448);
    expect(fields.getUint16(0x206, true)).toBe(0x20f);
    expect(fields.getUint32(0x260, true)).toBe(0x20_0000);
    expect(parameters[0x210]).toBe(0xff);
    const line = region(image, "command line");
    expect(fields.getUint32(0x228, true)).toBe(line.gpa);
    expect(new TextDecoder().decode(line.bytes)).toBe("console=ttyS0 quiet\0");
    expect(region(image, "initrd")).toMatchObject({ gpa: MEMORY - 0x2000, bytes: initrd });
    expect(fields.getUint32(0x218, true)).toBe(MEMORY - 0x2000);
    expect(fields.getUint32(0x21c, true)).toBe(0x1801);
    expect(fields.getBigUint64(0x70, true)).toBe(BigInt(image.acpi.rsdp));
    const map = Array.from({ length: parameters[0x1e8]! }, (_, index) => ({
      address: Number(fields.getBigUint64(0x2d0 + index * 20, true)),
      size: Number(fields.getBigUint64(0x2d8 + index * 20, true)),
      type: fields.getUint32(0x2e0 + index * 20, true),
    }));
    expect(map).toEqual(image.e820);
    expect(map.filter((entry) => entry.type === 1)).toEqual([
      { address: 0, size: 0x9_fc00, type: 1 },
      { address: MIB, size: MEMORY - MIB, type: 1 },
    ]);
  });

  test("the initrd stays below the kernel's limit", async () => {
    const kernel = makeBzImage({ payload: gzipPayload(elf64), initrdMax: 0x1ff_ffff });
    const image = await loadBoot({ kernel, initrd: new Uint8Array(4096) }, MEMORY);
    expect(region(image, "initrd").gpa).toBe(0x1ff_f000);
  });

  test("a kernel before protocol 2.14 gets no pointer to ACPI's root", async () => {
    const image = await loadBoot({ kernel: makeBzImage({ payload: gzipPayload(elf64), version: 0x20a }) }, MEMORY);
    expect(view(region(image, "boot_params").bytes).getBigUint64(0x70, true)).toBe(0n);
  });
});

describe("files that cannot be used", () => {
  const kernel = makeBzImage({ payload: gzipPayload(elf64) });

  test("empty, text, truncated, too old, zImage", async () => {
    expect(await failure({ kernel: new Uint8Array(0) })).toMatch(/empty/);
    expect(await failure({ kernel: new TextEncoder().encode("not a kernel\n".repeat(100)) })).toMatch(
      /neither a Linux bzImage nor/,
    );
    expect(await failure({ kernel: elf64 })).toMatch(/vmlinuz/);
    expect(await failure({ kernel: makeBzImage({ payload: gzipPayload(elf64), version: 0x201 }) })).toMatch(/2\.02/);
    expect(await failure({ kernel: makeBzImage({ payload: gzipPayload(elf64), loadflags: 0 }) })).toMatch(/zImage/);
  });

  test("every truncation is refused, or leaves nothing outside the file", async () => {
    for (let length = 1; length < kernel.length - 15; length += 97) {
      expect(await failure({ kernel: kernel.subarray(0, length) })).toMatch(/truncated|neither/);
    }
  });

  test("not enough memory for the kernel, or for the initrd", async () => {
    expect(await failure({ kernel }, 16 * MIB)).toMatch(/needs 18 MiB of memory.*has 16 MiB/);
    const message = await failure({ kernel, initrd: new Uint8Array(20 * MIB) }, 32 * MIB);
    expect(message).toMatch(/needs at least 38 MiB/);
    expect((await loadBoot({ kernel, initrd: new Uint8Array(20 * MIB) }, 38 * MIB)).method).toBe("vmlinux-64");
    expect(await failure({ kernel, initrd: new Uint8Array(0) })).toMatch(/initrd is empty/);
    const limited = makeBzImage({ payload: gzipPayload(elf64), initrdMax: 0x12f_ffff });
    expect(await failure({ kernel: limited, initrd: new Uint8Array(4 * MIB) })).toMatch(/below 19 MiB/);
  });

  test("a command line that is too long", async () => {
    expect(await failure({ kernel, commandLine: "x".repeat(2048) })).toMatch(/at most 2047/);
    expect(await failure({ kernel, commandLine: "a\0b" })).toMatch(/zero/);
  });

  test("random damage never throws anything but a ConfigurationError", async () => {
    let seed = 12345;
    const random = (below: number): number => {
      seed = (Math.imul(seed, 1103515245) + 12345) >>> 0;
      return (seed >>> 8) % below;
    };
    for (const source of [kernel, makeBzImage({ payload: xzPayload(elf64, elf64, true) })]) {
      for (let round = 0; round < 200; round++) {
        const damaged = source.slice();
        for (let change = 0; change < 4; change++) {
          const header = 0x1f1 + random(0x80);
          damaged[random(2) ? header : random(damaged.length)] = random(256);
        }
        const outcome: unknown = await loadBoot({ kernel: damaged }, MEMORY).catch((error: unknown) => error);
        if (outcome instanceof Error) expect(outcome).toBeInstanceOf(ConfigurationError);
        else
          for (const { gpa, bytes } of (outcome as BootImage).regions)
            expect(gpa + bytes.length).toBeLessThanOrEqual(MEMORY);
      }
    }
  });
});
