import { createHash } from "node:crypto";
import { describe, expect, it } from "vitest";
import { BootedGuest } from "./booted-guest";
import { enterpriseLinux6 } from "./guest-names";

interface Run {
  readonly console: string;
  readonly digest: string;
  readonly instructions: number;
  readonly guestSeconds: number;
}

/** Boots in virtual time with what is typed at fixed moments, and turns the machine off at a fixed moment. */
async function boot(name: string): Promise<Run> {
  const guest = await BootedGuest.boot(name, { time: "virtual" });
  guest.machine.after(6, () => guest.type("cat /proc/interrupts /proc/uptime; dmesg | tail -n 5\n"));
  guest.machine.after(7, () => guest.turnOff());
  await guest.machine.stopped;
  const { instructions, guestSeconds } = guest.machine.status();
  const digest = createHash("sha256").update(guest.console, "latin1").digest("hex");
  return { console: guest.console, digest, instructions, guestSeconds };
}

const name = await enterpriseLinux6();

describe.skipIf(name === undefined)("virtual time", () => {
  it("makes two boots the same, byte for byte and instruction for instruction", async () => {
    const first = await boot(name as string);
    expect(first.console).toContain("=== guest ready");
    expect(first.console).toMatch(/LOC:\s+[1-9]/);
    const second = await boot(name as string);
    expect(second).toEqual(first);
  });
});
