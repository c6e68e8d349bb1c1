import { describe, expect, it } from "vitest";
import { deviceDecoders } from "../../../../emulator/devices/decoders";
import {
  encodeKeystroke,
  encodeProtocolResponse,
  KEYBOARD_INTERFACE,
} from "../../../../emulator/devices/keyboard/protocol";
import { encodeDeviceInfo, encodeInputReport, MOUSE_INTERFACE } from "../../../../emulator/devices/mouse/protocol";
import { SYNTHVID_INTERFACE } from "../../../../emulator/devices/synthvid/protocol";
import type { DecodedMessage } from "../../../../emulator/vmbus/trace/types";

/** What the decoder of a device makes of a payload. */
function decode(interfaceId: string, payload: Uint8Array, toGuest = true): DecodedMessage | undefined {
  const decoder = deviceDecoders.find(({ interfaces }) => interfaceId in interfaces)!;
  return decoder.open().decode({ type: 6, toGuest, transactionId: 1n, completionRequested: false, payload });
}

function line(message: DecodedMessage | undefined): string {
  return [message?.name, ...(message?.fields ?? []).map(({ name, value }) => `${name}=${value}`)].join(" ");
}

/** A message in a pipe: u32 1, u32 size, u32 type, u32 size, body. */
function pipeMessage(type: number, ...body: number[]): Uint8Array {
  const bytes = new Uint8Array(16 + body.length);
  const view = new DataView(bytes.buffer);
  [1, 8 + body.length, type, 8 + body.length].forEach((value, index) => view.setUint32(4 * index, value, true));
  bytes.set(body, 16);
  return bytes;
}

describe("decoders of screen and input", () => {
  it("name keystrokes with their flags", () => {
    expect(line(decode(KEYBOARD_INTERFACE, encodeProtocolResponse(true)))).toBe(
      "SYNTH_KBD_PROTOCOL_RESPONSE accepted=1",
    );
    const release = encodeKeystroke({ code: 0x48, prefix: 0xe0, release: true });
    expect(line(decode(KEYBOARD_INTERFACE, release))).toBe("SYNTH_KBD_EVENT make_code=0x48 flags=IS_BREAK|IS_E0");
  });

  it("name the mouse's reports and descriptors", () => {
    expect(line(decode(MOUSE_INTERFACE, encodeInputReport(5, 100, 32767, -3)))).toBe(
      "SYNTH_HID_INPUT_REPORT size=7 buttons=0x05 x=100 y=32767 wheel=-3",
    );
    expect(line(decode(MOUSE_INTERFACE, encodeDeviceInfo()))).toMatch(
      /^SYNTH_HID_INITIAL_DEVICE_INFO size=108 hid_dev_info.size=32 vendor=0x045e product=0x0621 version=0x0001 hid_/,
    );
  });

  it("name the screen's mode and what was painted", () => {
    const situation = [...new Array<number>(8).fill(0), 1, 1, 0, 0, 0, 0, 32, 0, 4, 0, 0, 0, 3, 0, 0, 0, 16, 0, 0];
    expect(line(decode(SYNTHVID_INTERFACE, pipeMessage(5, ...situation), false))).toBe(
      "SYNTHVID_SITUATION_UPDATE size=35 user_ctx=0x0 video_output_count=1 active=1 vram_offset=0x0 depth_bits=32 " +
        "width_pixels=1024 height_pixels=768 pitch_bytes=4096",
    );
    const dirt = [0, 1, 255, 255, 255, 255, 0, 0, 0, 0, 0, 4, 0, 0, 0, 3, 0, 0];
    expect(line(decode(SYNTHVID_INTERFACE, pipeMessage(10, ...dirt), false))).toBe(
      "SYNTHVID_DIRT size=26 video_output=0 dirt_count=1 rect[0].x1=-1 rect[0].y1=0 rect[0].x2=1024 rect[0].y2=768",
    );
  });

  it("leave what they do not know, and say where bytes end too early", () => {
    for (const id of [KEYBOARD_INTERFACE, MOUSE_INTERFACE, SYNTHVID_INTERFACE]) {
      for (let length = 0; length < 16; length++) expect(decode(id, new Uint8Array(length).fill(0xff))).toBeUndefined();
    }
    expect(line(decode(SYNTHVID_INTERFACE, pipeMessage(3, 1, 2)))).toBe(
      "SYNTHVID_VRAM_LOCATION size=10 truncated=after 6 bytes",
    );
  });
});
