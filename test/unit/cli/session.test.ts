import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { exitCodeOf } from "../../../cli/exit-codes";
import { runSession } from "../../../cli/session";
import { FakeConsole, FakeMachine } from "./fake-machine";

const real = { time: "real" } as const;
const virtual = { time: "virtual" } as const;
const PANIC = "Kernel panic - not syncing: Fatal exception";

describe("a session", () => {
  beforeEach(() => void vi.useFakeTimers());
  afterEach(() => void vi.useRealTimers());

  it("carries bytes both ways and ends with the machine's reason, leaving nothing behind", async () => {
    const console = new FakeConsole();
    const machine = new FakeMachine((self) => {
      self.print("login: ");
      console.handlers?.input(new TextEncoder().encode("root\r"));
      self.stop({ kind: "power-off" });
    });
    expect(await runSession(machine, console, real)).toEqual({ kind: "stopped", reason: { kind: "power-off" } });
    expect(console.output).toBe("login: ");
    expect(String.fromCharCode(...machine.received)).toBe("root\r");
    expect(console.closed).toBe(true);
    expect(machine.listenerCount).toBe(0);
    expect(vi.getTimerCount()).toBe(0);
  });

  it("ends at the time-out in real time by the host's clock", async () => {
    const machine = new FakeMachine();
    const ended = runSession(machine, new FakeConsole(), { ...real, timeoutSeconds: 5 });
    const settled = vi.fn();
    void ended.then(settled);
    await vi.advanceTimersByTimeAsync(4999);
    expect(settled).not.toHaveBeenCalled();
    await vi.advanceTimersByTimeAsync(1);
    expect(await ended).toEqual({ kind: "time-out" });
  });

  it("ends at the time-out in virtual time by the guest's clock, whatever the host's does", async () => {
    const machine = new FakeMachine();
    const ended = runSession(machine, new FakeConsole(), { ...virtual, timeoutSeconds: 5 });
    const settled = vi.fn();
    void ended.then(settled);
    machine.guestSeconds = 4.999;
    await vi.advanceTimersByTimeAsync(3_600_000);
    expect(settled).not.toHaveBeenCalled();
    machine.guestSeconds = 5;
    await vi.advanceTimersByTimeAsync(20);
    expect(await ended).toEqual({ kind: "time-out" });
  });

  it("drops what a guest in virtual time prints after the time-out, though the host notices it late", async () => {
    const console = new FakeConsole();
    const machine = new FakeMachine((self) => {
      self.guestSeconds = 4.5;
      self.print("before");
      self.guestSeconds = 5.5;
      self.print("after");
    });
    expect(await runSession(machine, console, { ...virtual, timeoutSeconds: 5 })).toEqual({ kind: "time-out" });
    expect(console.output).toBe("before");
  });

  it("gives a panicking guest a moment for the rest of its text, then ends", async () => {
    const console = new FakeConsole();
    const machine = new FakeMachine((self) => {
      self.print(`${PANIC.slice(0, 9)}`);
      self.print(`${PANIC.slice(9)}\n`);
    });
    const ended = runSession(machine, console, real);
    await vi.advanceTimersByTimeAsync(500);
    machine.print("Pid: 1, comm: sh\n");
    await vi.advanceTimersByTimeAsync(500);
    expect(await ended).toEqual({ kind: "panic" });
    expect(console.output).toBe(`${PANIC}\nPid: 1, comm: sh\n`);
  });

  it("calls a reset or power-off after a panic message a panic", async () => {
    const machine = new FakeMachine((self) => {
      self.print(PANIC);
      self.stop({ kind: "power-off" });
    });
    expect(await runSession(machine, new FakeConsole(), real)).toEqual({ kind: "panic" });
  });

  it("asks for a shutdown at the first SIGINT and turns off at the second", async () => {
    const console = new FakeConsole();
    const machine = new FakeMachine();
    const ended = runSession(machine, console, real);
    console.interrupt();
    expect(machine.shutdownRequests).toBe(1);
    expect(console.notices).toEqual([expect.stringContaining("asked the guest to shut down")]);
    console.interrupt();
    expect(machine.shutdownRequests).toBe(1);
    expect(await ended).toEqual({ kind: "stopped", reason: { kind: "turned-off" } });
  });

  it("says so when the guest cannot be asked to shut down", async () => {
    const console = new FakeConsole();
    const machine = new FakeMachine();
    machine.shutdownConnected = false;
    const ended = runSession(machine, console, real);
    console.interrupt();
    expect(console.notices).toEqual([expect.stringContaining("not connected")]);
    console.handlers?.leave();
    await ended;
  });

  it("reports a start that fails", async () => {
    const machine = new FakeMachine();
    machine.start = () => {
      throw new Error("no memory");
    };
    const console = new FakeConsole();
    await expect(runSession(machine, console, { ...real, timeoutSeconds: 5 })).rejects.toThrow("no memory");
    expect(console.closed).toBe(true);
    expect(vi.getTimerCount()).toBe(0);
  });
});

describe("exit codes", () => {
  it.each([
    [{ kind: "power-off" }, 0],
    [{ kind: "triple-fault" }, 4],
    [{ kind: "guest-crash", parameters: [1n] }, 4],
    [{ kind: "debug-exit", status: 0 }, 1],
    [{ kind: "debug-exit", status: 0x10 }, 0x21],
    [{ kind: "turned-off" }, 130],
    [{ kind: "failure", message: "defect" }, 1],
  ] as const)("%o is %i", (reason, code) => {
    expect(exitCodeOf(reason)).toBe(code);
  });
});
