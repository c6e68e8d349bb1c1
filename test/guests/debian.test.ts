import { afterEach, describe, expect, it } from "vitest";
import { BootedGuest, COMPLAINTS } from "./booted-guest";

describe("Debian's 6.1 kernels", () => {
  let guest: BootedGuest | undefined;
  afterEach(() => guest?.turnOff());

  it.each([
    ["debian", "x86_64"],
    ["debian-686", "i686"],
    ["debian-686-pae", "i686"],
  ])("%s boots to a shell with Hyper-V under it", async (name, machine) => {
    guest = await BootedGuest.boot(name, { time: "virtual" });
    await guest.ready();
    expect(guest.console).toContain("Hypervisor detected: Microsoft Hyper-V");
    expect(guest.console).toContain("module hv_vmbus loaded");
    expect(guest.console).toContain("module hv_utils loaded");
    expect(guest.console).not.toMatch(/module \S+ FAILED/);
    if (name === "debian") expect(guest.console).toContain("module hyperv_fb loaded");
    expect(await guest.shell("uname -m")).toBe(`${machine}\n`);

    const { channels, vmbusVersion } = guest.machine.status();
    expect(vmbusVersion).toBe("5.3");
    // Debian's kernels that are not for clouds have no hyperv_fb, and hyperv_drm in its place is not in these images.
    const served = guest.console.includes("module hyperv_fb loaded")
      ? channels
      : channels.filter((channel) => channel.name !== "Video");
    expect(served.length).toBeGreaterThan(4);
    expect(served.map(({ state }) => state)).toEqual(served.map(() => "open"));
    expect((await guest.lines("ls -1 /sys/bus/vmbus/devices | cat")).sort()).toEqual(
      channels.map(({ instanceId }) => instanceId.toLowerCase()).sort(),
    );
    const source = "/sys/devices/system/clocksource/clocksource0/current_clocksource";
    expect(await guest.shell(`cat ${source}`)).toBe("hyperv_clocksource_tsc_page\n");

    const log = await guest.lines("dmesg");
    for (const text of ["Shutdown IC version 3.2", "TimeSync IC version 4.0", "Heartbeat IC version 3.0"]) {
      expect(log.join("\n")).toContain(text);
    }
    expect(log.filter((line) => COMPLAINTS.test(line))).toEqual([]);
    expect(guest.log).toEqual([]);
    guest.type("poweroff -f\n");
    expect(await guest.machine.stopped).toEqual({ kind: "power-off" });
  });
});
