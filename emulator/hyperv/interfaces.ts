/** What VMBus asks of the hypervisor: messages and event flags to a virtual processor's SynIC (TLFS chapter 11). */
export interface Synic {
  /**
   * Queues a message for SINT `sint` of virtual processor `vp`; FIFO, delivered when the slot in SIMP is free.
   * @param messageType HV_MESSAGE_TYPE, e.g. 1 for VMBus channel messages
   * @param payload at most 240 bytes, copied
   */
  postMessage(vp: number, sint: number, messageType: number, payload: Uint8Array): void;
  /** Sets event flag `flag` (0..2047) of SINT `sint` in SIEFP and raises the SINT's vector if the flag was clear. */
  signalEvent(vp: number, sint: number, flag: number): void;
}

/** A port that a guest reaches by HvCallPostMessage or HvCallSignalEvent through a connection id. */
export interface HypercallPort {
  /** Answers HvCallPostMessage with a status code (HV_STATUS_*); payload at most 240 bytes, the port's own copy. */
  postMessage?(messageType: number, payload: Uint8Array): number;
  /** Answers HvCallSignalEvent with a status code (HV_STATUS_*). */
  signalEvent?(flagNumber: number): number;
}

/** Connection ids known to the hypercall dispatcher; only bits 23:0 of an id count. */
export interface ConnectionTable {
  connect(connectionId: number, port: HypercallPort): void;
  disconnect(connectionId: number): void;
}

/** Raises a fixed, edge-triggered vector at the local APIC of a virtual processor. */
export interface VectorSink {
  /** @param autoEoi the vector is acknowledged without an in-service bit, so the guest sends no EOI */
  injectVector(vp: number, vector: number, autoEoi: boolean): void;
}
