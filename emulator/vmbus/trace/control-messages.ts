import * as protocol from "../protocol";
import {
  type ControlMessage,
  describeGpadlRanges,
  nothing,
  OFFER_FLAGS,
  relid,
  status,
  version,
} from "./control-fields";
import type { FieldReader } from "./field-reader";
import { LATER_CONTROL_MESSAGES } from "./later-control-messages";
import { flags, hex } from "./text";

// The messages of VMBus' control conversation by type. Message names and most field names as Linux' struct
// vmbus_channel_* (include/linux/hyperv.h) has them; what only newer hosts know, as openvmm's vmbus_core does.

const gpadl = (fields: FieldReader): void => void fields.u32("gpadl", hex);

export const CONTROL_MESSAGES: ReadonlyMap<number, ControlMessage> = new Map<number, ControlMessage>([
  ...LATER_CONTROL_MESSAGES,
  [
    protocol.CHANNELMSG_OFFERCHANNEL,
    {
      name: "OFFERCHANNEL",
      meaning: "The host presents one device: by the interface type the guest looks for a driver that knows it.",
      read(fields, { deviceName }) {
        const device = deviceName(fields.guid("if_type") ?? "");
        if (device !== undefined) fields.add("device", device);
        fields.guid("if_instance");
        fields.skip(16);
        fields.u16("chn_flags", (value) => flags(value, OFFER_FLAGS));
        fields.u16("mmio_megabytes");
        fields.hex("user_defined", 120);
        fields.u16("sub_channel_index");
        fields.skip(2);
        relid(fields);
        fields.u8("monitorid");
        fields.u8("monitor_allocated");
        fields.u16("is_dedicated_interrupt");
        fields.u32("connection_id", hex);
      },
    },
  ],
  [
    protocol.CHANNELMSG_RESCIND_CHANNELOFFER,
    {
      name: "RESCIND_CHANNELOFFER",
      meaning: "The host takes a device away: its driver shall let go of the channel and then give back the relid.",
      read: relid,
    },
  ],
  [
    protocol.CHANNELMSG_REQUESTOFFERS,
    {
      name: "REQUESTOFFERS",
      meaning: "The guest asks what devices there are, now and from now on.",
      read: nothing,
    },
  ],
  [
    protocol.CHANNELMSG_ALLOFFERS_DELIVERED,
    {
      name: "ALLOFFERS_DELIVERED",
      meaning: "The host has named every device that is there now; later offers are devices that were plugged in.",
      read: nothing,
    },
  ],
  [
    protocol.CHANNELMSG_OPENCHANNEL,
    {
      name: "OPENCHANNEL",
      meaning: "A driver starts its device: the GPADL that it names holds the two rings through which they will talk.",
      read(fields, { agreed }) {
        relid(fields);
        fields.u32("openid");
        fields.u32("ringbuffer_gpadlhandle", hex);
        // Before 2.4 all interrupts went to processor 0, and this was the server's to use.
        fields.u32(agreed >= protocol.VERSION_WIN8 ? "target_vp" : "server_contextarea_gpadlhandle");
        fields.u32("downstream_ringbuffer_pageoffset");
        fields.hex("userdata", 120);
        if (agreed < protocol.VERSION_WIN10_V6 || fields.left < 8) return;
        fields.u32("connection_id", hex);
        fields.u16("event_flag");
        fields.u16("flags", hex);
      },
    },
  ],
  [
    protocol.CHANNELMSG_OPENCHANNEL_RESULT,
    {
      name: "OPENCHANNEL_RESULT",
      meaning: "The host says whether the rings are in use now; from here on the device's own protocol takes over.",
      read(fields) {
        relid(fields);
        fields.u32("openid");
        fields.u32("status", status);
      },
    },
  ],
  [
    protocol.CHANNELMSG_CLOSECHANNEL,
    {
      name: "CLOSECHANNEL",
      meaning: "A driver stops its device; the host must not touch the rings any more, and does not answer.",
      read: relid,
    },
  ],
  [
    protocol.CHANNELMSG_GPADL_HEADER,
    {
      name: "GPADL_HEADER",
      meaning:
        "The guest shares memory with a device by naming its pages, and gives the list a handle of its own choice.",
      read(fields) {
        relid(fields);
        gpadl(fields);
        fields.u16("range_buflen");
        const count = fields.u16("rangecount");
        describeGpadlRanges(fields, count ?? 0);
      },
    },
  ],
  [
    protocol.CHANNELMSG_GPADL_BODY,
    {
      name: "GPADL_BODY",
      meaning: "More page numbers of a list that did not fit into one message.",
      read(fields) {
        fields.u32("msgnumber");
        gpadl(fields);
        fields.add("pfns", Math.floor(fields.left / 8));
        fields.rest("pfn");
      },
    },
  ],
  [
    protocol.CHANNELMSG_GPADL_CREATED,
    {
      name: "GPADL_CREATED",
      meaning: "The host has the whole list and can reach the memory under that handle now.",
      read(fields) {
        relid(fields);
        gpadl(fields);
        fields.u32("creation_status", status);
      },
    },
  ],
  [
    protocol.CHANNELMSG_GPADL_TEARDOWN,
    {
      name: "GPADL_TEARDOWN",
      meaning: "The guest wants its shared memory back.",
      read(fields) {
        relid(fields);
        gpadl(fields);
      },
    },
  ],
  [
    protocol.CHANNELMSG_GPADL_TORNDOWN,
    {
      name: "GPADL_TORNDOWN",
      meaning: "The host will not touch that memory any more, so the guest may use it for something else.",
      read: gpadl,
    },
  ],
  [
    protocol.CHANNELMSG_RELID_RELEASED,
    {
      name: "RELID_RELEASED",
      meaning: "The guest is done with a rescinded channel; its number may be given to another device.",
      read: relid,
    },
  ],
  [
    protocol.CHANNELMSG_INITIATE_CONTACT,
    {
      name: "INITIATE_CONTACT",
      meaning: "The conversation begins: the guest's driver proposes a version of the protocol, its newest first.",
      read(fields) {
        const requested = fields.u32("vmbus_version_requested", version) ?? 0;
        fields.u32("target_vcpu");
        if (requested >= protocol.VERSION_WIN10_V5) {
          fields.u8("msg_sint");
          fields.u8("msg_vtl");
          fields.skip(2);
          fields.u32("feature_flags", hex);
        } else {
          fields.u64("interrupt_page", hex);
        }
        fields.u64("monitor_page1", hex);
        fields.u64("monitor_page2", hex);
        if (requested >= protocol.VERSION_WIN10_V6 && fields.left >= 16) fields.guid("client_id");
      },
    },
  ],
  [
    protocol.CHANNELMSG_VERSION_RESPONSE,
    {
      name: "VERSION_RESPONSE",
      meaning: "The host takes the version or not; if not, the guest comes again with an older one.",
      read(fields, { requested }) {
        const supported = fields.u8("version_supported");
        // Hosts of old sent no more than that.
        if (fields.left === 0) return;
        fields.u8("connection_state");
        fields.skip(2);
        if (supported && requested >= protocol.VERSION_WIN10_V5) fields.u32("msg_conn_id");
        else fields.u32("selected_version", version);
        if (requested >= protocol.VERSION_WIN10_V6 && fields.left >= 4) fields.u32("supported_features", hex);
      },
    },
  ],
  [
    protocol.CHANNELMSG_UNLOAD,
    {
      name: "UNLOAD",
      meaning:
        "The guest's driver leaves, for another kernel or after a crash: all channels and shared memory end at once.",
      read: nothing,
    },
  ],
  [
    protocol.CHANNELMSG_UNLOAD_RESPONSE,
    {
      name: "UNLOAD_RESPONSE",
      meaning: "The host has forgotten everything about that guest; the next kernel may begin anew.",
      read: nothing,
    },
  ],
]);
