import { describe, expect, test } from "vitest";
import { loadBoot } from "../../../emulator/boot/load";
import { ConfigurationError } from "../../../emulator/machine-types";
import { makeElf, pattern } from "./kernels";

const MEMORY = 32 * 0x10_0000;
const LOAD = 0x10_0000;

/** Bytes that begin with a multiboot header; with `kludge`, its five load addresses. */
function withHeader(flags: number, kludge: readonly number[] = []): Uint8Array {
  const bytes = pattern(0x800, 9);
  const view = new DataView(bytes.buffer);
  [0x1bad_b002, flags, -(0x1bad_b002 + flags) >>> 0, ...kludge].forEach((value, index) =>
    view.setUint32(index * 4, value, true),
  );
  return bytes;
}

const elf = (flags = 3, entry = LOAD + 0x20): Uint8Array =>
  makeElf({
    wide: false,
    entry: BigInt(entry),
    segments: [{ physical: LOAD, bytes: withHeader(flags), memorySize: 0x3000 }],
  });

function reader(image: Awaited<ReturnType<typeof loadBoot>>) {
  const find = (gpa: number) =>
    image.regions.find((region) => gpa >= region.gpa && gpa < region.gpa + region.bytes.length)!;
  const u32 = (gpa: number): number => {
    const { bytes, gpa: start } = find(gpa);
    return new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength).getUint32(gpa - start, true);
  };
  const text = (gpa: number): string => {
    const { bytes, gpa: start } = find(gpa);
    return new TextDecoder().decode(bytes.subarray(gpa - start, bytes.indexOf(0, gpa - start)));
  };
  return { u32, text };
}

describe("multiboot", () => {
  test("an ELF kernel starts with the magic in eax and the information in ebx", async () => {
    const module = pattern(100, 5);
    const image = await loadBoot({ kernel: elf(), initrd: module, commandLine: "test 1 2" }, MEMORY);
    expect(image.method).toBe("multiboot");
    expect(image.processor).toMatchObject({
      mode: "protected",
      rip: LOAD + 0x20,
      cr0: 0x11,
      registers: { rax: 0x2bad_b002 },
    });
    const { u32, text } = reader(image);
    const information = image.processor.registers.rbx!;
    // mem_*, cmdline, mods_*, mmap_*, boot_loader_name.
    expect(u32(information)).toBe(0x24d);
    expect(u32(information + 4)).toBe(639);
    expect(u32(information + 8)).toBe(31 * 1024);
    expect(text(u32(information + 16))).toBe("kernel test 1 2");
    expect(text(u32(information + 64))).toBe("Hypertab");
    expect(u32(information + 20)).toBe(1);
    const entry = u32(information + 24);
    expect([u32(entry), u32(entry + 4)]).toEqual([LOAD + 0x3000, LOAD + 0x3000 + 100]);
    expect(text(u32(entry + 8))).toBe("initrd");
    expect(image.regions.find((region) => region.name === "module")).toMatchObject({
      gpa: LOAD + 0x3000,
      bytes: module,
    });
  });

  test("the memory map has every range of e820", async () => {
    const image = await loadBoot({ kernel: elf() }, MEMORY);
    const { u32 } = reader(image);
    const information = image.processor.registers.rbx!;
    const [length, start] = [u32(information + 44), u32(information + 48)];
    const found = [];
    for (let offset = 0; offset < length; offset += u32(start + offset) + 4) {
      const at = start + offset;
      found.push({ address: u32(at + 4), size: u32(at + 12), type: u32(at + 20) });
    }
    expect(found).toEqual(image.e820);
  });

  test("load addresses in the header", async () => {
    const end = LOAD + 0x700;
    const kernel = new Uint8Array(0x840);
    kernel.set(withHeader(0x1_0003, [LOAD + 0x10, LOAD, end, LOAD + 0x2000, LOAD + 0x50]), 0x40);
    const image = await loadBoot({ kernel, initrd: new Uint8Array(1) }, MEMORY);
    // The header is at 0x40 of the file and at 0x10 of what is loaded.
    expect(image.regions.find((region) => region.name === "kernel")).toMatchObject({
      gpa: LOAD,
      bytes: kernel.subarray(0x30, 0x730),
    });
    expect(image.processor.rip).toBe(LOAD + 0x50);
    expect(image.regions.find((region) => region.name === "module")!.gpa).toBe(LOAD + 0x2000);
  });

  test.each([
    ["an unknown requirement", () => elf(0x10), /requirements 0x10/],
    ["a video mode", () => elf(4), /video mode/],
    ["an entry point outside", () => elf(3, 0x50_0000), /entry point/],
    ["contradicting addresses", () => withHeader(0x1_0000, [LOAD, LOAD + 0x10, 0, 0, LOAD]), /contradict/],
    ["addresses beyond the file", () => withHeader(0x1_0000, [LOAD, LOAD, LOAD + 0x10000, 0, LOAD]), /truncated/],
    ["neither ELF nor addresses", () => withHeader(3), /neither an ELF/],
    ["a segment beyond the file", () => elf().subarray(0, 0x200), /truncated/],
    ["too little memory", () => withHeader(0x1_0000, [LOAD, LOAD, 0, 0x4000_0000, LOAD]), /needs 1024 MiB/],
    ["loading below 1 MiB", () => withHeader(0x1_0000, [0x8000, 0x8000, 0, 0, 0x8000]), /below 1 MiB/],
  ])("%s is refused", async (_, make, message) => {
    await expect(loadBoot({ kernel: make() }, MEMORY)).rejects.toThrow(message);
    await expect(loadBoot({ kernel: make() }, MEMORY)).rejects.toBeInstanceOf(ConfigurationError);
  });
});
