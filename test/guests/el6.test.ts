import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { BootedGuest, COMPLAINTS } from "./booted-guest";
import { enterpriseLinux6 } from "./guest-names";

const name = await enterpriseLinux6();

describe.skipIf(name === undefined)("Enterprise Linux 6.6", () => {
  let guest: BootedGuest;
  beforeAll(async () => {
    guest = await BootedGuest.boot(name as string, { time: "real", append: "printk.time=1" });
    await guest.ready();
  });
  afterAll(() => guest.turnOff());

  it("finds Hyper-V and loads its drivers", () => {
    for (const text of [
      "Hypervisor detected: Microsoft HyperV",
      "Vmbus version:3.0",
      "module hv_vmbus loaded",
      "module hv_utils loaded",
    ]) {
      expect(guest.console).toContain(text);
    }
    expect(guest.console).not.toMatch(/module \S+ FAILED/);
  });

  it("has a shell that answers", async () => {
    expect(await guest.shell("echo $((6 * 7))")).toBe("42\n");
    expect(await guest.shell("uname -r")).toBe("2.6.32-504.el6.x86_64\n");
    expect(await guest.shell("false")).toBe("");
  });

  it("lists the channels that are offered as devices, and their classes", async () => {
    const { channels } = guest.machine.status();
    const devices = await guest.lines("ls -1 /sys/bus/vmbus/devices | cat");
    expect(devices.sort()).toEqual(channels.map(({ relid }) => `vmbus_0_${relid}`).sort());
    const instances = await guest.lines("cat /sys/bus/vmbus/devices/*/device_id");
    expect(instances.map((id) => id.replace(/[{}]/g, "").toLowerCase()).sort()).toEqual(
      channels.map(({ instanceId }) => instanceId.toLowerCase()).sort(),
    );
  });

  it("has opened the channel of every device, and none was ended", async () => {
    const { channels, vmbusVersion } = guest.machine.status();
    expect(vmbusVersion).toBe("3.0");
    expect(channels.map(({ name, state }) => `${name}: ${state}`).sort()).toEqual([
      "Heartbeat: open",
      "Key-Value Pair Exchange: open",
      "Keyboard: open",
      "Mouse: open",
      "SCSI Controller: open",
      "Shutdown: open",
      "Time Synchronization: open",
      "Video: open",
    ]);
    expect(guest.log.filter((line) => line.includes("ended"))).toEqual([]);
    expect(await guest.lines("ls /sys/bus/vmbus/drivers/hv_util | grep -c vmbus_")).toEqual(["4"]);
  });

  it("shows how its driver has set up Hyper-V: rings, shared memory, SynIC and MSRs", () => {
    const { vmbus, synic, msrs } = guest.machine.hypervisorSnapshot();
    expect(vmbus.version).toBe("3.0");
    for (const { relid, rings } of vmbus.channels) {
      const pages = vmbus.gpadls.find((gpadl) => gpadl.relid === relid && gpadl.holdsRings)?.pages ?? 0;
      // Each ring has a page for its indices.
      expect((rings?.toHost.size ?? 0) + (rings?.toGuest.size ?? 0)).toBe((pages - 2) * 4096);
    }
    expect(vmbus.channels.length).toBeGreaterThanOrEqual(5);
    expect(synic).toMatchObject({ enabled: true, messagePage: expect.any(Number) as number });
    expect(synic.sints[2]).toMatchObject({ masked: false, queued: 0 });
    const osId = msrs.find(({ name }) => name === "HV_X64_MSR_GUEST_OS_ID")?.value ?? 0n;
    // 2.6.32, where Linux tells its version.
    expect((osId >> 16n) & 0xffffffn).toBe(0x020620n);
  });

  it("keeps time by hyperv_clocksource, as the host's", async () => {
    const sources = "/sys/devices/system/clocksource/clocksource0";
    expect(await guest.shell(`cat ${sources}/available_clocksource`)).toContain("hyperv_clocksource");
    expect(await guest.shell(`cat ${sources}/current_clocksource`)).toBe("hyperv_clocksource\n");
    const reading = async (): Promise<{ guest: number; host: number }> => {
      const from = guest.console.length;
      guest.type("cat /proc/uptime\n");
      const text = await guest.expect(/\n[\d.]+ [\d.]+\r\n/, from);
      return { guest: Number(/\n([\d.]+) /.exec(text)?.[1]), host: performance.now() / 1000 };
    };
    const begin = await reading();
    await new Promise((resolve) => setTimeout(resolve, 5000));
    const end = await reading();
    // /proc/uptime has hundredths, and the text takes its time on a host that is busy: 60 s are measured by clock-drift.mjs.
    expect(Math.abs(end.guest - begin.guest - (end.host - begin.host))).toBeLessThan(0.1);
    expect(Math.abs(Number(await guest.shell("date +%s")) - Date.now() / 1000)).toBeLessThan(3);
  });

  it("counts its interrupts without loss", async () => {
    const counts = await guest.shell("cat /proc/interrupts");
    expect(counts).toMatch(/LOC:\s+[1-9]/);
    for (const name of ["ERR", "MIS", "SPU", "MCE"]) {
      const count = new RegExp(`${name}:\\s+(\\d+)`).exec(counts)?.[1];
      if (count !== undefined) expect(`${name} ${count}`).toBe(`${name} 0`);
    }
  });

  it("has nothing to complain about in its log", async () => {
    const log = await guest.lines("dmesg");
    expect(log.length).toBeGreaterThan(200);
    expect(log.filter((line) => COMPLAINTS.test(line))).toEqual([]);
    expect(guest.log.filter((line) => !line.startsWith("vmbus: "))).toEqual([]);
  });

  it("shuts down when the host asks, and the machine powers off", async () => {
    expect(guest.machine.shutdown()).toBe(true);
    expect(await guest.machine.stopped).toEqual({ kind: "power-off" });
  });
});
