import { expect, it } from "vitest";
import { FakeIde, LoggedDisk, pattern, PRIMARY, SECONDARY } from "./fake-ide";

/** A linear congruential generator (Numerical Recipes' constants): the same accesses in every run. */
function random(seed: number): (below: number) => number {
  let state = seed;
  return (below) => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return Math.floor((state / 2 ** 32) * below);
  };
}

it("random port accesses never throw, leave guest memory, or stop a drive that is reset", async () => {
  for (let seed = 1; seed <= 8; seed++) {
    const ide = new FakeIde();
    const disk = await LoggedDisk.create(512);
    ide.attachDisk(disk, 0, 0);
    ide.attachDvd(await LoggedDisk.create(16, 2048), 0, 1);
    ide.attachDisk(await LoggedDisk.create(512), 1, 1);
    const below = random(seed);
    const bases = [0x1f0, 0x1f0, 0x170, 0xffa0, 0x3f6, 0x376];
    // Tables of random regions, most of them in RAM.
    for (let at = 0; at < 0x1000; at += 4)
      ide.machine.memory.writeU32(at, below(4) === 0 ? below(2 ** 32) : below(0x100000));
    for (let step = 0; step < 1500; step++) {
      const base = bases[below(bases.length)]!;
      const port = base + (base === 0x3f6 || base === 0x376 ? 0 : below(base === 0xffa0 ? 16 : 8));
      const size = [1, 2, 4][below(3)]!;
      const command = [0x20, 0x24, 0x30, 0xc8, 0xca, 0x25, 0x35, 0xa0, 0xec, 0xa1, 0xc6, 0xc4, 0x39, 0x08, 0x90][
        below(15)
      ]!;
      if (below(3) === 0) ide.ports.read(port, size);
      else if (base !== 0x3f6 && (port & 7) === 7 && below(4) > 0) ide.ports.write(port, 1, command);
      else ide.ports.write(port, size, below(2) === 0 ? below(16) : below(2 ** 32));
      if (below(8) === 0) await ide.settle();
    }
    await ide.settle();
    expect(ide.machine.guardsIntact()).toBe(true);
    expect(ide.errors).toEqual([]);
    for (const [at, device] of [
      [PRIMARY, 0xe0],
      [SECONDARY, 0xf0],
    ] as const) {
      ide.at = at;
      ide.control(4);
      ide.control(0);
      await ide.settle();
      ide.issue({ command: 0x30, lba: 511, device });
      ide.write(pattern(512, seed));
      await ide.settle();
      expect(ide.status).toBe(0x50);
    }
    expect(await disk.content(511, 1)).toEqual(pattern(512, seed));
  }
});
