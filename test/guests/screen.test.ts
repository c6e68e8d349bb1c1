import { afterEach, describe, expect, it } from "vitest";
import type { ScreenRectangle } from "../../emulator/machine-types";
import { BootedGuest, COMPLAINTS } from "./booted-guest";
import { ConsoleScreen } from "./console-screen";
import { enterpriseLinux6 } from "./guest-names";

const el6 = await enterpriseLinux6();

/** Ends what is painted to the console from here on in a change that the host can see. */
const PAINTED = "sleep 0.3";

describe.each([
  // EL6 takes what its command line says, whose text it spoils at that, or its own default; newer drivers the host's.
  {
    name: el6 ?? "el6",
    append: "video=hyperv_fb:1920x1080",
    mode: { width: 1920, height: 1080 },
    message: /Screen resolution: 1920x1080, Color depth: 32/,
    modeOfNextDriver: { width: 1152, height: 864 },
    hasFbset: true,
  },
  {
    name: "debian",
    append: "",
    mode: { width: 1024, height: 768 },
    message: /Synthvid Version major 3, minor 5[^]*Screen resolution: 1024x768/,
    modeOfNextDriver: { width: 1024, height: 768 },
    hasFbset: false,
  },
])("the screen of $name", ({ name, append, mode, message, modeOfNextDriver, hasFbset }) => {
  let guest: BootedGuest | undefined;
  afterEach(() => guest?.turnOff());

  it.skipIf(name === "el6" && el6 === undefined)(
    "is a console whose text can be read, and changes no more than it",
    async () => {
      guest = await BootedGuest.boot(name, { time: "virtual", append });
      const { machine } = guest;
      expect(machine.screen.mode).toBeUndefined();
      let news = 0;
      machine.on("screen", () => news++);
      await guest.ready();
      expect(guest.console).toContain("module hyperv_fb loaded");
      const log = await guest.shell("dmesg");
      expect(log).toMatch(message);
      expect(log).toContain("switching to colour frame buffer device");
      expect(log.split("\n").filter((line) => COMPLAINTS.test(line))).toEqual([]);
      expect(machine.status().channels.find((channel) => channel.name === "Video")?.state).toBe("open");
      expect(news).toBeGreaterThan(0);
      expect(machine.screen.mode).toEqual(mode);
      expect(machine.screen.takeChanges()).toEqual([{ x: 0, y: 0, ...mode }]);
      // Linux's pointer is one pixel that is as good as invisible: the host's own would be a second one.
      expect(machine.screen.pointer).toMatchObject({ visible: true, shape: { width: 1, height: 1 } });

      const console = await ConsoleScreen.learn(guest);
      expect(console.size).toBe(95);
      await guest.shell(`uname -r >/tmp/release; { printf '\\033[5;1H'; cat /tmp/release; } >/dev/tty1; ${PAINTED}`);
      expect(console.row(4)).toBe((await guest.shell("cat /tmp/release")).trim());

      // Nothing that is painted as it was, nothing while nothing is painted, and of a line only the line.
      machine.screen.takeChanges();
      const before = news;
      await guest.shell(`{ printf '\\033[5;1H'; cat /tmp/release; } >/dev/tty1; sleep 1`);
      expect(machine.screen.takeChanges()).toEqual([]);
      await guest.shell("sleep 2");
      expect(news - before).toBeLessThanOrEqual(1);
      await guest.shell(`printf '\\033[20;3HHallo' >/dev/tty1; ${PAINTED}`);
      expect(news - before).toBeGreaterThan(0);
      const changes = machine.screen.takeChanges();
      expect(changes.length).toBeGreaterThan(0);
      for (const change of changes) expect(isWithin(change, { x: 16, y: 19 * 16, width: 40, height: 16 })).toBe(true);
      expect(console.row(19)).toBe("  Hallo");
      expect(machine.screen.takeChanges()).toEqual([]);

      // While nobody watches the guest says nothing of what it paints; who looks again sees it all.
      machine.screen.watched = false;
      await guest.shell(PAINTED);
      const unwatched = news;
      await guest.shell(`printf '\\033[30;1HUnseen' >/dev/tty1; sleep 1`);
      expect(news).toBe(unwatched);
      expect(machine.screen.takeChanges()).toEqual([]);
      machine.screen.watched = true;
      await guest.shell(PAINTED);
      expect(news).toBeGreaterThan(unwatched);
      const seen = machine.screen.takeChanges();
      expect(seen.length).toBeGreaterThan(0);
      for (const change of seen) expect(isWithin(change, { x: 0, y: 29 * 16, width: 48, height: 16 })).toBe(true);
      expect(console.row(29)).toBe("Unseen");

      // A smaller mode, then no driver, then a driver again.
      if (hasFbset) {
        await guest.shell(`fbset -g 800 600 800 600 32; ${PAINTED}`);
        expect(machine.screen.mode).toEqual({ width: 800, height: 600 });
      }
      await guest.shell("for each in /sys/class/vtconsole/*/bind; do echo 0 >$each; done; rmmod hyperv_fb");
      expect(machine.screen.mode).toBeUndefined();
      await guest.shell("insmod $(find /lib/modules -name hyperv_fb.ko)");
      expect(machine.screen.mode).toEqual(modeOfNextDriver);
      expect(guest.log).toEqual([]);
    },
  );
});

function isWithin(inner: ScreenRectangle, outer: ScreenRectangle): boolean {
  return (
    inner.x >= outer.x &&
    inner.y >= outer.y &&
    inner.x + inner.width <= outer.x + outer.width &&
    inner.y + inner.height <= outer.y + outer.height
  );
}
