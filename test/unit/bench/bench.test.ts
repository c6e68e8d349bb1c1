import { execFileSync, spawnSync } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { readCpio } from "../../../images/archive/cpio";
import type { BenchResult } from "../../bench/bench";
import type { Emulator, Listener } from "../../bench/emulators/emulator";
import { marker, MarkerReader, BEGIN, DONE, END } from "../../bench/markers";
import { measure } from "../../bench/measure";
import { memoryProgram } from "../../bench/memory-program";
import { PHASES } from "../../bench/phases";
import { formatTable, median, tables } from "../../bench/report";
import { benchScript, SCRIPT_PATH, withScript } from "../../bench/script";

const guest = { kernel: "k", initrd: "i", commandLine: "", memoryMiB: 256 };

/** An emulator whose guest writes what `act` says. */
function fake(act: (listener: Listener) => void): Emulator & { ended: number } {
  const emulator = {
    name: "fake",
    is64Bit: true,
    ended: 0,
    describe: async () => "fake",
    start: async (_guest: unknown, listener: Listener) => {
      listener.begins();
      let cpu = 0;
      setImmediate(() => act(listener));
      return { end: async () => void emulator.ended++, cpuSeconds: () => (cpu += 2) };
    },
  };
  return emulator;
}

describe("markers", () => {
  it("are found however the console cuts them, with the status that an end carries", () => {
    const reader = new MarkerReader();
    const text = `boot text\r\n${marker(DONE, "a")}\r\n${marker(BEGIN, "b")}\r\nnoise\r\n${marker(END, "b", "3")}\r\n`;
    const found = [...text].flatMap((character) => reader.feed(character));
    expect(found).toEqual([
      { kind: DONE, phase: "a", status: 0 },
      { kind: BEGIN, phase: "b", status: 0 },
      { kind: END, phase: "b", status: 3 },
    ]);
    expect(new MarkerReader().feed(text)).toEqual(found);
  });
});

describe("the guest's script", () => {
  it("is shell that a shell takes, and puts each phase between its markers", () => {
    const script = benchScript(PHASES);
    expect(spawnSync("sh", ["-n"], { input: script }).status).toBe(0);
    for (const { id } of PHASES.slice(1)) {
      expect(script.indexOf(marker(BEGIN, id))).toBeGreaterThan(0);
      expect(script.indexOf(marker(END, id, "$?"))).toBeGreaterThan(script.indexOf(marker(BEGIN, id)));
    }
    expect(benchScript(PHASES.filter(({ id }) => id === "c"))).not.toContain(marker(BEGIN, "b"));
  });

  it("stands behind the initramfs as an archive that begins at a multiple of 4", () => {
    const whole = withScript(new Uint8Array([1, 2, 3, 4, 5]), PHASES, 64);
    expect([...whole.subarray(0, 8)]).toEqual([1, 2, 3, 4, 5, 0, 0, 0]);
    const files = readCpio(whole.subarray(8), "segment");
    expect(files.map(({ name }) => `/${name}`)).toEqual(["/bench", SCRIPT_PATH, "/bench/memory", "/bench/random-read"]);
    expect(new TextDecoder().decode(files[1]!.data)).toBe(benchScript(PHASES));
  });
});

describe("the memory program", () => {
  for (const bits of [32, 64] as const) {
    it(`is a ${bits}-bit ELF file that objdump reads as meant`, ({ skip }) => {
      if (spawnSync("objdump", ["--version"]).error) skip();
      const folder = mkdtempSync(join(tmpdir(), "bench-test-"));
      try {
        const file = join(folder, "memory");
        writeFileSync(file, memoryProgram(bits), { mode: 0o755 });
        const header = execFileSync("objdump", ["-f", "-p", file], { encoding: "utf8" });
        expect(header).toContain(bits === 64 ? "elf64-x86-64" : "elf32-i386");
        const machine = bits === 64 ? "i386:x86-64" : "i386";
        const raw = join(folder, "raw");
        writeFileSync(raw, memoryProgram(bits).subarray(bits === 64 ? 120 : 84));
        const listing = execFileSync("objdump", ["-D", "-b", "binary", "-m", machine, raw], { encoding: "utf8" });
        expect(listing).not.toContain("(bad)");
        const loops = [...listing.matchAll(/^\s*([0-9a-f]+):.*\bjne\s+0x([0-9a-f]+)/gm)];
        // Two copy loops' worth of jumps back: the copy by dwords, the repetition, the random accesses.
        expect(loops).toHaveLength(3);
        for (const [, at, to] of loops) expect(parseInt(to!, 16)).toBeLessThan(parseInt(at!, 16));
        // The host is an x86-64 Linux wherever objdump reads these as its own.
        if (bits === 64 && process.platform === "linux" && process.arch === "x64") {
          expect(spawnSync(file).status).toBe(0);
        }
      } finally {
        rmSync(folder, { recursive: true, force: true });
      }
    });
  }
});

describe("measuring", () => {
  it("takes both clocks between the markers, and ends the guest", async () => {
    const emulator = fake((listener) => {
      listener.console(`${marker(DONE, "a")}\n`);
      listener.console(`${marker(BEGIN, "b")}\n`);
      listener.console(`${marker(END, "b", "0")}\n${marker(DONE, "all")}\n`);
    });
    const run = await measure(emulator, guest, 10);
    expect(run.failure).toBeUndefined();
    expect(Object.keys(run.wall)).toEqual(["a", "b"]);
    expect(run.cpu).toEqual({ a: 2, b: 2 });
    expect(emulator.ended).toBe(1);
  });

  it("has no time for a phase that failed, and says so", async () => {
    const run = await measure(
      fake((listener) => {
        listener.console(
          `${marker(DONE, "a")}\n${marker(BEGIN, "b")}\n${marker(END, "b", "1")}\n${marker(DONE, "all")}\n`,
        );
      }),
      guest,
      10,
    );
    expect(Object.keys(run.wall)).toEqual(["a"]);
    expect(run.failure).toMatch(/phase b ended with status 1/);
  });

  it("says in one line why an emulator ended", async () => {
    const run = await measure(
      fake((listener) => {
        listener.console("Kernel panic\r\n");
        listener.ended("it\nbroke");
      }),
      guest,
      10,
    );
    expect(run.failure).toBe("fake ended: it broke; the console's last line: Kernel panic");
  });
});

describe("the report", () => {
  const result: BenchResult = {
    date: "",
    host: { processor: "", processors: 2 },
    emulators: {},
    phases: [
      { id: "a", title: "boot" },
      { id: "b", title: "sum" },
    ],
    memoryMiB: 256,
    clock: "wall",
    measured: [
      { guest: "g", emulator: "hypertab", runs: [3, 1, 8].map((a) => ({ wall: { a, b: 2 }, cpu: {} })) },
      { guest: "g", emulator: "v86", ours: "hypertab", runs: [{ wall: { a: 6 }, cpu: {}, failure: "x" }] },
      { guest: "g", emulator: "v86-chromium", ours: "hypertab-chromium", runs: [{ wall: { a: 9, b: 9 }, cpu: {} }] },
    ],
  };

  it("has medians, our time over the peer's, and a sum over what all got through", () => {
    expect(median([])).toBeUndefined();
    expect(median([4, 1])).toBe(2.5);
    const [table] = tables(result);
    expect(table!.peers).toEqual(["v86"]);
    expect(table!.rows).toEqual([
      { phase: "a", title: "boot", seconds: { hypertab: 3, v86: 6, "v86-chromium": 9 }, ratios: { v86: 0.5 } },
      { phase: "b", title: "sum", seconds: { hypertab: 2, "v86-chromium": 9 }, ratios: { v86: undefined } },
      { phase: "sum", title: "phases a", seconds: { hypertab: 3, v86: 6, "v86-chromium": 9 }, ratios: { v86: 0.5 } },
    ]);
    const lines = formatTable(table!).split("\n");
    expect(lines[0]).toMatch(/^\s+g\s+hypertab\s+v86\s+v86-chromium\s+x v86$/);
    expect(lines[2]).toMatch(/^b\s+sum\s+2\.00\s+-\s+9\.00\s+-$/);
  });
});
