// A whole boot must be the same, whichever engine runs how much of it.

import { createHash } from "node:crypto";
import { afterEach, describe, expect, it } from "vitest";
import { BootedGuest } from "./booted-guest";
import { enterpriseLinux6 } from "./guest-names";
import type { StopReason } from "../../emulator/machine-types";

interface Boot {
  readonly reason: StopReason;
  readonly console: string;
  readonly digest: string;
  readonly instructions: number;
}

type Translation = Parameters<typeof BootedGuest.boot>[1];

let guest: BootedGuest | undefined;
afterEach(() => guest?.turnOff());

/** Boots in virtual time. The guest turns itself off, or is turned off after `seconds` of its time: both runs end at the
 * same instruction. */
async function boot(name: string, translation: Omit<Translation, "time">, seconds?: number): Promise<Boot> {
  guest = await BootedGuest.boot(name, { time: "virtual", ...translation });
  const { machine } = guest;
  if (seconds !== undefined) machine.after(seconds, () => machine.turnOff());
  machine.after(5, () => guest?.type("cat /proc/interrupts; dmesg | tail -n 5; poweroff -f\n"));
  const reason = await machine.stopped;
  const digest = createHash("sha256").update(guest.console, "latin1").digest("hex");
  return { reason, console: guest.console, digest, instructions: machine.status().instructions };
}

/** Seconds of the guest's time. Compiling each block as it has run once makes all of a boot too long. */
const BEGINNING = 0.1;

const name = await enterpriseLinux6();

describe.skipIf(name === undefined)("a boot of Enterprise Linux 6.6", () => {
  let reference: Boot | undefined;

  it("by the interpreter alone", async () => {
    reference = await boot(name as string, { translateAfter: Infinity });
    expect(reference.reason).toEqual({ kind: "power-off" });
    expect(reference.console).toContain("=== guest ready");
    expect(reference.console).toMatch(/LOC:\s+[1-9]/);
  });

  const ways: readonly (readonly [string, Omit<Translation, "time">])[] = [
    ["translated as by default", {}],
    ["with everything translated that ran once, beside the run", { translateAfter: 1 }],
    ["with everything translated that ran 50 times, at once", { translateAfter: 50, translateAtOnce: true }],
  ];
  for (const [way, translation] of ways) {
    it(`${way}: the same console and instruction count`, async () => {
      expect(await boot(name as string, translation)).toEqual(reference);
    });
  }

  it("with everything translated that ran once, at once: the same beginning", async () => {
    const interpreted = await boot(name as string, { translateAfter: Infinity }, BEGINNING);
    expect(interpreted.console).toContain("Linux version");
    expect(await boot(name as string, { translateAfter: 1, translateAtOnce: true }, BEGINNING)).toEqual(interpreted);
  });
});
