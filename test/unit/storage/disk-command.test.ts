import { existsSync, readFileSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test, vi } from "vitest";
import { openDiskFile } from "../../../cli/disk/files";
import { main } from "../../../cli/main";
import { inFolder, MIB, open, pattern, qemuCheck, qemuImg, qemuImgIsThere, SOUND } from "./helpers";

/** Runs `hypertab disk`, with %/ in arguments standing for the folder. */
async function run(folder: string, ...args: string[]): Promise<{ code: number; out: string; err: string }> {
  const [out, err]: string[][] = [[], []];
  const stdout = vi.spyOn(process.stdout, "write").mockImplementation((text) => out!.push(String(text)) > 0);
  const stderr = vi.spyOn(process.stderr, "write").mockImplementation((text) => err!.push(String(text)) > 0);
  try {
    const code = await main(["disk", ...args.map((arg) => arg.replaceAll("%", folder))]);
    return { code, out: out!.join(""), err: err!.join("").replaceAll(folder, "%") };
  } finally {
    stdout.mockRestore();
    stderr.mockRestore();
  }
}

describe("hypertab disk", () => {
  test("create, info, check", async () => {
    await inFolder(async (folder) => {
      const made = await run(folder, "create", "%/a.vhdx", "--size", "1.5G", "--block-size", "2M");
      expect(made).toEqual({ code: 0, out: "", err: "" });
      const { out } = await run(folder, "info", "%/a.vhdx");
      expect(out).toMatch(/^type {8}dynamic$/m);
      expect(out).toMatch(/^size {8}1.5 GiB \(1610612736 bytes\)$/m);
      expect(out).toMatch(/^blocks {6}2 MiB, 0 of 768 present$/m);
      expect(out).toMatch(/^made by {5}Hypertab$/m);
      expect((await run(folder, "check", "%/a.vhdx")).out.replace(folder, "%")).toBe("%/a.vhdx: no errors\n");
      if (qemuImgIsThere) expect(qemuCheck(join(folder, "a.vhdx"))).toEqual(SOUND);
    });
  });

  test.each([
    { args: ["create", "%/a.vhdx"], err: "a new disk needs a size; give --size, for example --size 10G" },
    { args: ["create", "%/a.vhdx", "--size", "12Q"], err: /--size is '12Q'; it must be a size like 512M/ },
    { args: ["create", "%/a.vhdx", "--size", "65T"], err: /'%\/a.vhdx': a disk size of 71468255805440 bytes is not/ },
    { args: ["create", "%/a.vhdx", "--size", "1G", "--block-size", "3M"], err: /a power of two from 1 MiB to 256 MiB/ },
    { args: ["create", "%/a.vhdx", "--size", "1G", "--type", "thick"], err: /--type is 'thick'; it must be dynamic/ },
    { args: ["create", "%/there", "--size", "1G"], err: /there is a file of that name already/ },
    { args: ["create", "%/no/a.vhdx", "--size", "1G"], err: /there is no such file or folder/ },
    { args: ["info", "%/there"], err: /'%\/there': not a VHDX file: it is shorter than 1 MiB/ },
    { args: ["check", "%/none"], err: /'%\/none' cannot be opened: there is no such file/ },
    { args: ["merge", "%/there"], err: /not a VHDX file/ },
    { args: ["resize", "%/there", "--size", "1G"], err: /not a VHDX file/ },
    { args: ["resize", "%/there"], err: /give the new size with --size/ },
    { args: ["convert", "%/there", "%/b"], err: /'%\/there': the image has 100 bytes; it must have whole sectors/ },
    { args: ["convert", "%/there"], err: /give: hypertab disk convert FILE NEW/ },
    { args: ["info", "%/there", "--keep"], err: /hypertab disk info takes no --keep/ },
    { args: ["frobnicate"], err: /unknown action 'frobnicate'; known are create, info/ },
    { args: [], err: /no action given/ },
  ])("$args: one line, exit 2", async ({ args, err }) => {
    await inFolder(async (folder) => {
      writeFileSync(join(folder, "there"), pattern(100, 1));
      const result = await run(folder, ...args);
      expect(result).toEqual({ code: 2, out: "", err: expect.stringMatching(/^hypertab: [^\n]+\n$/) });
      expect(result.err).toMatch(err);
      expect(existsSync(join(folder, "a.vhdx"))).toBe(false);
    });
  });

  test("help", async () => {
    const { code, out } = await run("", "--help");
    expect(code).toBe(0);
    for (const action of ["create", "info", "check", "resize", "convert", "checkpoint", "merge"]) {
      expect(out).toMatch(new RegExp(`hypertab disk ${action} `));
    }
  });

  test("a raw image becomes dynamic, fixed and raw again", async () => {
    await inFolder(async (folder) => {
      const raw = new Uint8Array(20 * MIB);
      raw.set(pattern(3 * MIB, 4), 5 * MIB + 512);
      writeFileSync(join(folder, "a.raw"), raw);
      expect(await run(folder, "convert", "%/a.raw", "%/b.vhdx")).toEqual({ code: 0, out: "", err: "" });
      expect(statSync(join(folder, "b.vhdx")).size).toBeLessThan(9 * MIB);
      expect((await run(folder, "convert", "%/b.vhdx", "%/c.vhdx", "--type", "fixed")).code).toBe(0);
      expect(statSync(join(folder, "c.vhdx")).size).toBeGreaterThan(20 * MIB);
      expect((await run(folder, "convert", "%/c.vhdx", "%/d.raw", "--type", "raw")).code).toBe(0);
      expect(Buffer.compare(readFileSync(join(folder, "d.raw")), raw)).toBe(0);
      if (!qemuImgIsThere) return;
      for (const name of ["b.vhdx", "c.vhdx"]) {
        expect(qemuCheck(join(folder, name))).toEqual(SOUND);
        qemuImg("compare", "-f", "vhdx", "-F", "raw", join(folder, name), join(folder, "a.raw"));
      }
    });
  });

  test("resize, checkpoint, go on, merge", async () => {
    await inFolder(async (folder) => {
      await run(folder, "create", "%/a.vhdx", "--size", "8M");
      expect(await run(folder, "resize", "%/a.vhdx", "--size", "12M")).toEqual({ code: 0, out: "", err: "" });
      expect(await run(folder, "checkpoint", "%/a.vhdx", "%/b.vhdx")).toEqual({ code: 0, out: "", err: "" });
      const child = await open(join(folder, "b.vhdx"));
      expect(child.size).toBe(12 * MIB);
      await child.write(3, pattern(2048, 9));
      await child.close();
      expect((await run(folder, "info", "%/b.vhdx")).out).toMatch(/^parent {6}.*\/a.vhdx$/m);
      expect((await run(folder, "check", "%/b.vhdx")).code).toBe(0);
      expect(await run(folder, "merge", "%/b.vhdx")).toEqual({ code: 0, out: "", err: "merged into %/a.vhdx\n" });
      expect(existsSync(join(folder, "b.vhdx"))).toBe(false);
      const base = await open(join(folder, "a.vhdx"), { readOnly: true });
      const sectors = new Uint8Array(2048);
      await base.read(3, sectors);
      await base.close();
      expect(Buffer.compare(sectors, pattern(2048, 9))).toBe(0);
      const shrunk = await run(folder, "resize", "%/a.vhdx", "--size", "1M");
      expect(shrunk).toEqual({ code: 0, out: "", err: "" });
      expect((await run(folder, "resize", "%/a.vhdx", "--size", "512")).err).toMatch(
        /cannot shrink to 512 bytes: there/,
      );
    });
  });

  test("a file that is open for writing is refused to a second writer", async () => {
    await inFolder(async (folder) => {
      await run(folder, "create", "%/a.vhdx", "--size", "8M");
      const disk = await openDiskFile(join(folder, "a.vhdx"));
      const second = await run(folder, "resize", "%/a.vhdx", "--size", "16M");
      const err = "hypertab: '%/a.vhdx' is open in another hypertab; end that one first\n";
      expect(second).toEqual({ code: 2, out: "", err });
      expect((await run(folder, "info", "%/a.vhdx")).code).toBe(0);
      await disk.close();
      expect((await run(folder, "resize", "%/a.vhdx", "--size", "16M")).code).toBe(0);
    });
  });

  test("check --repair restores a header and replays the log", async () => {
    await inFolder(async (folder) => {
      const path = join(folder, "a.vhdx");
      await run(folder, "create", "%/a.vhdx", "--size", "8M");
      const disk = await open(path);
      await disk.write(0, pattern(512, 1));
      await disk.flush();
      const left = readFileSync(path);
      await disk.close();
      // One of the region tables is damaged too.
      left[192 * 1024 + 20] = 0x55;
      writeFileSync(path, left);
      const before = await run(folder, "check", "%/a.vhdx");
      expect(before.out).toMatch(/one of the two region tables is not valid/);
      expect(before.out).toMatch(/the log waits for its replay: 1 updates/);
      expect((await run(folder, "check", "%/a.vhdx", "--repair")).out).toBe(`${path}: no errors\n`);
      if (qemuImgIsThere) expect(qemuCheck(path)).toEqual(SOUND);
    });
  });
});
