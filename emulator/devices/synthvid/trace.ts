import { PIPE_HEADER_SIZE } from "../../vmbus/pipe";
import type { FieldReader } from "../../vmbus/trace/field-reader";
import { hex } from "../../vmbus/trace/text";
import { type MessageNames, typedMessages } from "../../vmbus/trace/typed-messages";
import type { DeviceDecoder } from "../../vmbus/trace/types";
import * as protocol from "./protocol";

const MESSAGES: MessageNames = {
  [protocol.SYNTHVID_VERSION_REQUEST]: ["SYNTHVID_VERSION_REQUEST", "The guest proposes a version of the protocol."],
  [protocol.SYNTHVID_VERSION_RESPONSE]: ["SYNTHVID_VERSION_RESPONSE", "The host takes the version or does not."],
  [protocol.SYNTHVID_VRAM_LOCATION]: ["SYNTHVID_VRAM_LOCATION", "The guest says where it has the picture in memory."],
  [protocol.SYNTHVID_VRAM_LOCATION_ACK]: ["SYNTHVID_VRAM_LOCATION_ACK", "The host looks there from now on."],
  [protocol.SYNTHVID_SITUATION_UPDATE]: [
    "SYNTHVID_SITUATION_UPDATE",
    "The guest sets the mode: size, depth and pitch.",
  ],
  [protocol.SYNTHVID_SITUATION_UPDATE_ACK]: ["SYNTHVID_SITUATION_UPDATE_ACK", "The host has the new mode."],
  [protocol.SYNTHVID_POINTER_POSITION]: ["SYNTHVID_POINTER_POSITION", "Where the pointer is, and whether it shows."],
  [protocol.SYNTHVID_POINTER_SHAPE]: ["SYNTHVID_POINTER_SHAPE", "What the pointer looks like, or a part of that."],
  [protocol.SYNTHVID_FEATURE_CHANGE]: ["SYNTHVID_FEATURE_CHANGE", "The host says what it wants to hear of."],
  [protocol.SYNTHVID_DIRT]: ["SYNTHVID_DIRT", "The guest painted in these rectangles."],
  [protocol.SYNTHVID_BIOS_INFO_REQUEST]: ["SYNTHVID_BIOS_INFO_REQUEST", "The guest asks what firmware there is."],
  [protocol.SYNTHVID_BIOS_INFO_RESPONSE]: ["SYNTHVID_BIOS_INFO_RESPONSE", "The host says what firmware there is."],
  [protocol.SYNTHVID_RESOLUTION_REQUEST]: ["SYNTHVID_RESOLUTION_REQUEST", "The guest asks how large pictures may be."],
  [protocol.SYNTHVID_RESOLUTION_RESPONSE]: [
    "SYNTHVID_RESOLUTION_RESPONSE",
    "The sizes that may be, and the usual one.",
  ],
  [protocol.SYNTHVID_CAPABILITY_REQUEST]: ["SYNTHVID_CAPABILITY_REQUEST", "The guest asks what the host can do."],
  [protocol.SYNTHVID_CAPABILITY_RESPONSE]: ["SYNTHVID_CAPABILITY_RESPONSE", "The host says what it can do."],
};

/** Rectangles and sizes that a message shows; it may claim 255. */
const SHOWN = 16;

/** Messages of the synthetic video adapter. */
export const synthvidDecoder: DeviceDecoder = {
  interfaces: { [protocol.SYNTHVID_INTERFACE]: "Video" },
  open: () => typedMessages(MESSAGES, PIPE_HEADER_SIZE, readBody),
};

function readBody(fields: FieldReader, type: number): void {
  fields.u32("size");
  switch (type) {
    case protocol.SYNTHVID_VERSION_REQUEST:
      fields.u32("version", protocol.versionText);
      break;
    case protocol.SYNTHVID_VERSION_RESPONSE:
      fields.u32("version", protocol.versionText);
      fields.u8("is_accepted");
      fields.u8("max_video_outputs");
      break;
    case protocol.SYNTHVID_VRAM_LOCATION:
      fields.u64("user_ctx", hex);
      fields.u8("is_vram_gpa_specified");
      fields.u64("vram_gpa", hex);
      break;
    case protocol.SYNTHVID_VRAM_LOCATION_ACK:
    case protocol.SYNTHVID_SITUATION_UPDATE_ACK:
      fields.u64("user_ctx", hex);
      break;
    case protocol.SYNTHVID_SITUATION_UPDATE:
      fields.u64("user_ctx", hex);
      if ((fields.u8("video_output_count") ?? 0) === 0) break;
      fields.u8("active");
      fields.u32("vram_offset", (value) => hex(value));
      fields.u8("depth_bits");
      fields.u32("width_pixels");
      fields.u32("height_pixels");
      fields.u32("pitch_bytes");
      break;
    case protocol.SYNTHVID_POINTER_POSITION:
      fields.u8("is_visible");
      fields.u8("video_output");
      fields.u32("image_x", signed);
      fields.u32("image_y", signed);
      break;
    case protocol.SYNTHVID_POINTER_SHAPE:
      fields.u8("part_idx");
      fields.u8("is_argb");
      fields.u32("width");
      fields.u32("height");
      fields.u32("hot_x");
      fields.u32("hot_y");
      break;
    case protocol.SYNTHVID_FEATURE_CHANGE:
      fields.u8("is_dirt_needed");
      fields.u8("is_ptr_pos_needed");
      fields.u8("is_ptr_shape_needed");
      fields.u8("is_situ_needed");
      break;
    case protocol.SYNTHVID_DIRT:
      fields.u8("video_output");
      readRectangles(fields, fields.u8("dirt_count") ?? 0);
      break;
    case protocol.SYNTHVID_RESOLUTION_REQUEST:
      fields.u8("maximum_resolution_count");
      break;
    default:
      if (fields.left > 0) fields.rest("bytes");
  }
}

function signed(value: number): string {
  return String(value | 0);
}

function readRectangles(fields: FieldReader, count: number): void {
  for (let index = 0; index < Math.min(count, SHOWN) && fields.left >= 16; index++) {
    for (const edge of ["x1", "y1", "x2", "y2"]) fields.u32(`rect[${index}].${edge}`, signed);
  }
}
