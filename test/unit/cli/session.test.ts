import { describe, expect, it } from "vitest";
import { exitCodeOf } from "../../../cli/exit-codes";
import { runSession } from "../../../cli/session";
import { FakeConsole, FakeMachine } from "./fake-machine";

const real = { time: "real" } as const;
const virtual = { time: "virtual" } as const;
const PANIC = "Kernel panic - not syncing: Fatal exception";

describe("a session", () => {
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
    expect(machine.leftBehind).toBe(0);
  });

  it("ends at the time-out by the machine's clock, and prints nothing from later", async () => {
    const console = new FakeConsole();
    const machine = new FakeMachine();
    const ended = runSession(machine, console, { ...virtual, timeoutSeconds: 5 });
    machine.advance(4.999);
    machine.print("before");
    machine.advance(0.001);
    machine.print("after");
    expect(await ended).toEqual({ kind: "time-out" });
    expect(console.output).toBe("before");
    expect(machine.leftBehind).toBe(0);
  });

  it.each([
    [real, 1],
    [virtual, 0.1],
  ])("gives a panicking guest a moment for the rest of its text (%o)", async (mode, grace) => {
    const console = new FakeConsole();
    const machine = new FakeMachine((self) => {
      self.print(PANIC.slice(0, 9));
      self.print(`${PANIC.slice(9)}\n`);
    });
    const ended = runSession(machine, console, mode);
    machine.advance(grace * 0.99);
    machine.print("Pid: 1, comm: sh\n");
    machine.advance(grace * 0.02);
    machine.print("too late");
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
    expect(machine.leftBehind).toBe(0);
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
