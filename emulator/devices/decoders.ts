import type { DeviceDecoder } from "../vmbus/trace/types";
import { integrationComponentDecoder } from "./ic/trace";
import { storvspDecoder } from "./storvsp/trace";

/** Every device's decoder for traces of the bus, found by its interface type: a new device is one line here. */
export const deviceDecoders: readonly DeviceDecoder[] = [integrationComponentDecoder, storvspDecoder];
