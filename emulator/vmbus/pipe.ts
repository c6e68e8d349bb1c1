import { VMBUS_CHANNEL_NAMED_PIPE_MODE, VMBUS_PIPE_TYPE_MESSAGE } from "./protocol";

// Channels that are pipes in message mode: each in-band packet is one message with a header of the pipe's before it.

/** What the offer of such a channel has besides its ids: the flag, and the mode as the first of the user-defined u32. */
export const PIPE_OFFER = {
  flags: VMBUS_CHANNEL_NAMED_PIPE_MODE,
  userDefined: Uint8Array.of(VMBUS_PIPE_TYPE_MESSAGE, 0, 0, 0),
} as const;

/** vmbuspipe_hdr: u32 packet type, u32 size of what follows. */
export const PIPE_HEADER_SIZE = 8;
export const PIPE_PACKET_TYPE_DATA = 1;
