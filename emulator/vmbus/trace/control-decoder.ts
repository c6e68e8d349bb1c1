import * as protocol from "../protocol";
import { CONTROL_MESSAGES } from "./control-messages";
import { FieldReader } from "./field-reader";
import type { DecodedMessage } from "./types";

const VERSION = 8;

/** Reads the control conversation; some fields depend on the version that was asked for, and the one agreed on. */
export class ControlDecoder {
  private requested: number;

  /**
   * @param agreed version that is in use already, 0 before contact
   * @param deviceName of an interface type, in lower case
   */
  constructor(
    private agreed: number,
    private readonly deviceName: (interfaceId: string) => string | undefined,
  ) {
    this.requested = agreed;
  }

  decode(bytes: Uint8Array): DecodedMessage {
    const fields = new FieldReader(bytes);
    const type = fields.u32("msgtype");
    fields.skip(4);
    if (type === undefined) {
      return { name: "(no message)", fields: fields.fields, meaning: "Too short to be a control message." };
    }
    this.beforeReading(type, bytes);
    const message = CONTROL_MESSAGES.get(type);
    if (!message) {
      fields.rest("bytes");
      return {
        name: `CHANNELMSG_${type}`,
        fields: fields.fields,
        meaning: "No message that we know.",
      };
    }
    message.read(fields, {
      agreed: this.agreed,
      requested: this.requested,
      deviceName: this.deviceName,
    });
    return { name: message.name, fields: fields.fields, meaning: message.meaning };
  }

  private beforeReading(type: number, bytes: Uint8Array): void {
    const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    if (type === protocol.CHANNELMSG_INITIATE_CONTACT) {
      this.requested = bytes.length >= VERSION + 4 ? view.getUint32(VERSION, true) : 0;
      this.agreed = 0;
    } else if (type === protocol.CHANNELMSG_VERSION_RESPONSE) {
      this.agreed = bytes.length > VERSION && view.getUint8(VERSION) !== 0 ? this.requested : 0;
    } else if (type === protocol.CHANNELMSG_UNLOAD) {
      this.agreed = 0;
    }
  }
}
