import { describe, expect, it } from "vitest";
import { UsageError } from "../../../cli/errors";
import { parseRunOptions } from "../../../cli/run-options";

describe("the options of run", () => {
  it("has defaults for everything but what to boot", () => {
    expect(parseRunOptions(["--kernel", "vmlinuz"])).toEqual({
      source: { kind: "files", kernel: "vmlinuz", initrd: undefined, commandLine: "" },
      memoryMiB: 256,
      time: "real",
      timeoutSeconds: undefined,
      interpret: false,
      stats: false,
      disks: [],
      iso: undefined,
      vmbusTrace: undefined,
      vmbusLog: false,
    });
  });

  it("reads them all", () => {
    const argv = ["--guest=el6", "--append=-v quiet", "--memory", "64", "--time", "virtual", "--timeout", "2.5"];
    expect(
      parseRunOptions([
        ...argv,
        "--cpus",
        "1",
        "--interpret",
        "--stats",
        "--vmbus-trace=t.pcapng",
        "--vmbus-log",
        "--disk",
        "a.vhdx",
        "--iso",
        "c,1.iso,ide1:0",
        "--disk=b.img,ide",
      ]),
    ).toEqual({
      source: { kind: "guest", name: "el6", extraCommandLine: "-v quiet" },
      memoryMiB: 64,
      time: "virtual",
      timeoutSeconds: 2.5,
      interpret: true,
      stats: true,
      disks: [
        { path: "a.vhdx", place: undefined },
        { path: "b.img", place: "ide" },
      ],
      iso: { path: "c,1.iso", place: { controller: "ide", channel: 1, drive: 0 } },
      vmbusTrace: "t.pcapng",
      vmbusLog: true,
    });
  });

  it("knows --help", () => {
    expect(parseRunOptions(["--help"])).toBeUndefined();
    expect(parseRunOptions(["-h"])).toBeUndefined();
  });

  it.each([
    [[], "nothing to boot; give --kernel FILE or --guest NAME"],
    [["--initrd", "i"], "nothing to boot; give --kernel FILE or --guest NAME"],
    [["--kernal", "k"], "unknown option --kernal (try: hypertab run --help)"],
    [["--kernel", "k", "--vmbus-trace="], "--vmbus-trace is empty"],
    [["--kernel", "k", "--disk", "d.vhdx,ide", "--vmbus-trace", "./d.vhdx"], "would overwrite ./d.vhdx"],
    [["-k", "k"], "unknown option -k (try: hypertab run --help)"],
    [["--kernel"], "option --kernel needs a value"],
    [["--kernel", "k", "--append", "-v"], "one that begins with a dash is given as --append=VALUE"],
    [["--kernel", "k", "--disk"], "option --disk needs a value"],
    [["--kernel", "k", "--disk", "d,ide2:0"], "--disk has the place 'ide2:0'; it must be ide0:0 to ide1:1 or scsi0"],
    [["--kernel", "k", "--iso", "d,scsi64"], "--iso has the place 'scsi64'"],
    [["--kernel", "k", "--stats=yes"], "option --stats takes no value"],
    [["vmlinuz"], "unexpected argument 'vmlinuz'"],
    [["--kernel", "k", "--guest", "el6"], "give either --guest or --kernel"],
    [["--guest", "el6", "--initrd", "i"], "give either --guest or --kernel"],
    [["--kernel", "k", "--memory", "15"], "--memory is '15'; it must be a whole number of MiB from 16 to 2048"],
    [["--kernel", "k", "--memory", "2049"], "--memory is '2049'"],
    [["--kernel", "k", "--memory", "0x40"], "--memory is '0x40'"],
    [["--kernel", "k", "--memory", ""], "--memory is ''"],
    [["--kernel", "k", "--cpus", "2"], "--cpus is '2'; a machine has 1 processor so far"],
    [["--kernel", "k", "--time", "fast"], "--time is 'fast'; it must be real or virtual"],
    [["--kernel", "k", "--timeout", "0"], "--timeout is '0'"],
    [["--kernel", "k", "--timeout", "1e400"], "--timeout is '1e400'"],
    [["--kernel", "k", "--timeout", "-3"], "--timeout"],
    [["--kernel", "k", "--timeout=-3"], "--timeout is '-3'"],
  ])("refuses %j in one line", (argv, message) => {
    let thrown: unknown;
    try {
      parseRunOptions(argv);
    } catch (error) {
      thrown = error;
    }
    expect(thrown).toBeInstanceOf(UsageError);
    expect((thrown as Error).message).toContain(message);
    expect((thrown as Error).message).not.toContain("\n");
  });
});
