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

/** Boots in virtual time; the guest turns itself off, so that both runs end at the same instruction. */
async function boot(name: string, translation: Omit<Translation, "time">): Promise<Boot> {
  guest = await BootedGuest.boot(name, { time: "virtual", ...translation });
  const { machine } = guest;
  machine.after(5, () => guest?.type("cat /proc/interrupts; dmesg | tail -n 5; poweroff -f\n"));
  const reason = await machine.stopped;
  const digest = createHash("sha256").update(guest.console, "latin1").digest("hex");
  return { reason, console: guest.console, digest, instructions: machine.status().instructions };
}

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
    ["with everything translated that ran ten times, at once", { translateAfter: 10, translateAtOnce: true }],
    ["with everything translated that ran once, at once", { translateAfter: 1, translateAtOnce: true }],
  ];
  for (const [way, translation] of ways) {
    it(`${way}: the same console and instruction count`, async () => {
      expect(await boot(name as string, translation)).toEqual(reference);
    });
  }
});
