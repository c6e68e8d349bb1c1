import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, afterEach, beforeAll, describe, expect, it } from "vitest";
import { type ReadCapture, readPcapng } from "../unit/vmbus/trace/pcapng-reader";
import { enterpriseLinux6 } from "./guest-names";
import { Hypertab } from "./hypertab";

const name = await enterpriseLinux6();

describe.skipIf(name === undefined)("hypertab run --vmbus-trace", () => {
  let folder: string;
  let hypertab: Hypertab;
  beforeAll(() => (folder = mkdtempSync(join(tmpdir(), "hypertab-"))));
  afterEach(() => hypertab.kill());
  afterAll(() => rmSync(folder, { recursive: true }));

  /** el6 far enough that its drivers have spoken with all devices. */
  async function trace(file: string): Promise<{ content: Buffer; log: string }> {
    const path = join(folder, file);
    const options = ["--time", "virtual", "--timeout", "5.8", "--vmbus-trace", path, "--vmbus-log"];
    hypertab = new Hypertab("run", "--guest", name as string, ...options);
    const { code, stderr } = await hypertab.ended;
    expect(code, stderr).toBe(3);
    return { content: readFileSync(path), log: stderr };
  }

  it("is the same, byte for byte, in two boots in virtual time, and tells of the boot by name", async () => {
    const first = await trace("first.pcapng");
    const second = await trace("second.pcapng");
    expect(second.content.equals(first.content)).toBe(true);
    expect(second.log).toBe(first.log);

    const capture: ReadCapture = readPcapng(first.content);
    expect(capture.interfaces.map((each) => each.name)).toEqual(
      expect.arrayContaining(["control", expect.stringMatching(/^channel \d+ SCSI Controller$/)]),
    );
    const names = capture.packets.map(({ comment }) => comment?.split(" ", 2).join(" ").split("\n")[0]);
    expect(names.slice(0, 2).map((each) => each?.split(" ")[0])).toEqual(["INITIATE_CONTACT", "VERSION_RESPONSE"]);
    const joined = names.join(", ");
    for (const expected of [
      "REQUESTOFFERS",
      "OFFERCHANNEL",
      "GPADL_BODY",
      "OPENCHANNEL_RESULT",
      "ICMSGTYPE_NEGOTIATE response",
      "ICMSGTYPE_HEARTBEAT response",
      "ICMSGTYPE_TIMESYNC request",
      "VSTOR_OPERATION_END_INITIALIZATION",
      "VSTOR_OPERATION_EXECUTE_SRB INQUIRY",
    ]) {
      expect(joined).toContain(expected);
    }
    expect(joined).not.toContain("do not know");
    // None goes by its number, or by its packet's type alone.
    const alone = names.map((each) => each?.split(" ")[0]).join(", ");
    expect(alone).not.toMatch(/CHANNELMSG_|0x|VM_PKT_DATA_INBAND/);
    const times = capture.packets.map(({ time }) => time);
    expect(times.every((time, index) => index === 0 || time >= (times[index - 1] ?? 0n))).toBe(true);
    // One line each, but for the time-out's own.
    expect(first.log.split("\n").filter((line) => / (<-|->|--) /.test(line))).toHaveLength(capture.packets.length);
  });

  it("is whole when a signal ends the process", async () => {
    const path = join(folder, "ended.pcapng");
    hypertab = new Hypertab("run", "--guest", name as string, "--vmbus-trace", path);
    await hypertab.expect("module hv_utils loaded");
    hypertab.terminate();
    expect((await hypertab.ended).code).toBeNull();
    const { packets, received } = readPcapng(readFileSync(path));
    expect(packets.length).toBeGreaterThan(20);
    // The counts at the end: the file was closed, not cut.
    expect([...received.values()].reduce((sum, count) => sum + count, 0n)).toBe(BigInt(packets.length));
  });
});
