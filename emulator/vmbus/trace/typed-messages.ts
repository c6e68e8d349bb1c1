import { FieldReader } from "./field-reader";
import type { ChannelDecoder } from "./types";

/** Messages by their type: the name that the drivers give it, and what it is for. */
export type MessageNames = Readonly<Record<number, readonly [name: string, meaning: string]>>;

/**
 * A decoder for messages that begin with their type, a u32, and need nothing of those before them.
 * @param header bytes before the type, a pipe's header for one
 * @param readBody reads what follows the type
 */
export function typedMessages(
  names: MessageNames,
  header: number,
  readBody: (fields: FieldReader, type: number) => void,
): ChannelDecoder {
  return {
    decode({ payload }) {
      const bytes = payload.subarray(header);
      const type = bytes.length < 4 ? undefined : new FieldReader(bytes).u32("type");
      const message = type === undefined ? undefined : names[type];
      if (type === undefined || message === undefined) return undefined;
      const fields = new FieldReader(bytes.subarray(4));
      readBody(fields, type);
      return { name: message[0], fields: fields.fields, meaning: message[1] };
    },
  };
}
