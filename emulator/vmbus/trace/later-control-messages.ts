import * as protocol from "../protocol";
import { type ControlMessage, nothing, relid, status } from "./control-fields";
import { hex } from "./text";

/** The messages that came after Windows Server 2012 R2; EL6's driver knows none of them. */
export const LATER_CONTROL_MESSAGES: readonly (readonly [number, ControlMessage])[] = [
  [
    18,
    {
      name: "OPEN_RESERVED_CHANNEL",
      meaning: "A channel is opened for use without the bus driver, as crash dumps need it.",
      read(fields) {
        relid(fields);
        fields.u32("target_vp");
        fields.u32("target_sint");
        fields.u32("ring_buffer_gpadl", hex);
        fields.u32("downstream_page_offset");
      },
    },
  ],
  [
    19,
    {
      name: "CLOSE_RESERVED_CHANNEL",
      meaning: "A channel that was opened without the bus driver is closed.",
      read(fields) {
        relid(fields);
        fields.u32("target_vp");
        fields.u32("target_sint");
      },
    },
  ],
  [
    20,
    {
      name: "CLOSE_RESERVED_RESPONSE",
      meaning: "The host confirms that the reserved channel is closed.",
      read: relid,
    },
  ],
  [
    protocol.CHANNELMSG_TL_CONNECT_REQUEST,
    {
      name: "TL_CONNECT_REQUEST",
      meaning: "A program in the guest connects a Hyper-V socket to a service of the host's.",
      read(fields) {
        fields.guid("guest_endpoint_id");
        fields.guid("host_service_id");
        if (fields.left >= 16) fields.guid("silo_id");
      },
    },
  ],
  [
    protocol.CHANNELMSG_MODIFYCHANNEL,
    {
      name: "MODIFYCHANNEL",
      meaning: "The guest wants a channel's interrupts at another processor.",
      read(fields) {
        relid(fields);
        fields.u32("target_vp");
      },
    },
  ],
  [
    protocol.CHANNELMSG_TL_CONNECT_RESULT,
    {
      name: "TL_CONNECT_RESULT",
      meaning: "The host says what became of a Hyper-V socket's connection; a good one comes as an offer of its own.",
      read(fields) {
        fields.guid("guest_endpoint_id");
        fields.guid("host_service_id");
        fields.u32("status", status);
      },
    },
  ],
  [
    protocol.CHANNELMSG_MODIFYCHANNEL_RESPONSE,
    {
      name: "MODIFYCHANNEL_RESPONSE",
      meaning: "From here on the channel's interrupts come to the processor that the guest asked for, if status is 0.",
      read(fields) {
        relid(fields);
        fields.u32("status", status);
      },
    },
  ],
  [
    25,
    {
      name: "MODIFY_CONNECTION",
      meaning: "The guest names other monitor pages than those of its contact message.",
      read(fields) {
        fields.u64("parent_to_child_monitor_page_gpa", hex);
        fields.u64("child_to_parent_monitor_page_gpa", hex);
      },
    },
  ],
  [
    26,
    {
      name: "MODIFY_CONNECTION_RESPONSE",
      meaning: "The host says whether it uses the other monitor pages.",
      read: (fields) => void fields.u8("connection_state"),
    },
  ],
  [
    27,
    {
      name: "PAUSE",
      meaning: "The guest asks for quiet: no more control messages until it resumes.",
      read: nothing,
    },
  ],
  [
    28,
    {
      name: "PAUSE_RESPONSE",
      meaning: "The last control message before the quiet that the guest asked for.",
      read: nothing,
    },
  ],
  [
    29,
    {
      name: "RESUME",
      meaning: "The guest takes control messages again.",
      read: nothing,
    },
  ],
];
