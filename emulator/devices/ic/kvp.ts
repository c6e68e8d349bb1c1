import type { TimerQueue } from "../../time/clock";
import { IntegrationComponent } from "./integration-component";
import { HV_S_CONT, HV_S_OK, ICMSGTYPE_KVPEXCHANGE, icVersion } from "./protocol";

// Key-value pair exchange: the host reads and writes named values that a daemon in the guest keeps in pools.

export const KVP_INTERFACE_ID = "a9a0f4e7-5a45-4d96-b827-8a841e8c03e6";

/** hv_kvp_exchg_pool. */
export const KVP_POOL_EXTERNAL = 0;
export const KVP_POOL_GUEST = 1;
export const KVP_POOL_AUTO = 2;
export const KVP_POOL_AUTO_EXTERNAL = 3;

/** hv_kvp_exchg_op. */
export const KVP_OP_GET = 0;
export const KVP_OP_SET = 1;
export const KVP_OP_DELETE = 2;
export const KVP_OP_ENUMERATE = 3;

export const REG_SZ = 1;

/** hv_kvp_hdr: u8 operation, u8 pool, u16 padding; the body follows. */
const BODY = 4;
/** hv_kvp_exchg_msg_value: u32 value type, key size, value size; then key and value. Sizes in bytes, zero included. */
export const MAX_KEY_SIZE = 512;
export const MAX_VALUE_SIZE = 2048;
const KEY_SIZE = 4;
const VALUE_SIZE = 8;
const KEY = 12;
const VALUE = KEY + MAX_KEY_SIZE;
/** hv_kvp_msg_enumerate: u32 index before the value. */
const ENUMERATE_DATA = BODY + 4;
const MESSAGE_SIZE = ENUMERATE_DATA + VALUE + MAX_VALUE_SIZE;

export interface KeyValue {
  readonly key: string;
  readonly value: string;
}

/** "end": an enumeration has no such index. "failed": the guest could not, or has no daemon. "closed": it went away. */
export type KvpResult =
  | { readonly kind: "done"; readonly pair?: KeyValue }
  | { readonly kind: "end" }
  | { readonly kind: "failed"; readonly status: number }
  | { readonly kind: "closed" };

interface Transaction {
  readonly body: Uint8Array<ArrayBuffer>;
  /** Where the answer holds a value, if the operation gives one. */
  readonly answerAt: number | undefined;
  readonly done: (result: KvpResult) => void;
}

/** Requests that wait for a guest, at most. */
const QUEUE_LIMIT = 256;

/** The host's side of the exchange. Linux answers nothing, not even negotiation, until its daemon runs; requests wait. */
export class KeyValuePairExchange extends IntegrationComponent {
  private readonly queue: Transaction[] = [];
  private current: Transaction | undefined;

  constructor(timers: TimerQueue) {
    super(timers, {
      name: "Key-Value Pair Exchange",
      interfaceId: KVP_INTERFACE_ID,
      instanceId: "242ff919-07db-4180-9c2e-b86cb68c8c55",
      messageType: ICMSGTYPE_KVPEXCHANGE,
      messageVersions: [icVersion(1, 0), icVersion(3, 0), icVersion(4, 0), icVersion(5, 0)],
    });
  }

  /** True once the guest's daemon takes requests. */
  get available(): boolean {
    return this.versions !== undefined;
  }

  get(pool: number, key: string, done: (result: KvpResult) => void): void {
    const { body, view } = message(KVP_OP_GET, pool);
    view.setUint32(BODY + KEY_SIZE, putText(view, BODY + KEY, key, MAX_KEY_SIZE), true);
    this.submit({ body, answerAt: BODY, done });
  }

  /** Strings longer than 255 (key) or 1023 (value) UTF-16 units are cut. */
  set(pool: number, pair: KeyValue, done: (result: KvpResult) => void): void {
    const { body, view } = message(KVP_OP_SET, pool);
    view.setUint32(BODY, REG_SZ, true);
    view.setUint32(BODY + KEY_SIZE, putText(view, BODY + KEY, pair.key, MAX_KEY_SIZE), true);
    view.setUint32(BODY + VALUE_SIZE, putText(view, BODY + VALUE, pair.value, MAX_VALUE_SIZE), true);
    this.submit({ body, answerAt: undefined, done });
  }

  delete(pool: number, key: string, done: (result: KvpResult) => void): void {
    const { body, view } = message(KVP_OP_DELETE, pool);
    view.setUint32(BODY, putText(view, BODY + 4, key, MAX_KEY_SIZE), true);
    this.submit({ body, answerAt: undefined, done });
  }

  /** The pair at an index of a pool, counted from 0; "end" after the last. */
  enumerate(pool: number, index: number, done: (result: KvpResult) => void): void {
    const { body, view } = message(KVP_OP_ENUMERATE, pool);
    view.setUint32(BODY, index, true);
    this.submit({ body, answerAt: ENUMERATE_DATA, done });
  }

  protected onReady(): void {
    this.next();
  }

  protected onResponse(status: number, body: Uint8Array<ArrayBuffer>): void {
    const transaction = this.current;
    this.current = undefined;
    transaction?.done(result(transaction, status, body));
    this.next();
  }

  protected onClosed(): void {
    const transactions = this.current ? [this.current, ...this.queue] : [...this.queue];
    this.current = undefined;
    this.queue.length = 0;
    for (const transaction of transactions) transaction.done({ kind: "closed" });
  }

  private submit(transaction: Transaction): void {
    if (this.queue.length >= QUEUE_LIMIT) {
      transaction.done({ kind: "failed", status: HV_S_CONT });
      return;
    }
    this.queue.push(transaction);
    this.next();
  }

  private next(): void {
    const first = this.queue[0];
    if (!first || !this.idle || !this.request(first.body)) return;
    this.queue.shift();
    this.current = first;
  }
}

function message(operation: number, pool: number): { body: Uint8Array<ArrayBuffer>; view: DataView<ArrayBuffer> } {
  const body = new Uint8Array(MESSAGE_SIZE);
  body[0] = operation;
  body[1] = pool;
  return { body, view: new DataView(body.buffer) };
}

/** Writes zero-terminated UTF-16. @returns its size in bytes, with the zero */
function putText(view: DataView, at: number, text: string, limit: number): number {
  const cut = text.slice(0, limit / 2 - 1);
  for (let i = 0; i < cut.length; i++) view.setUint16(at + 2 * i, cut.charCodeAt(i), true);
  return 2 * (cut.length + 1);
}

/** Reads UTF-16 up to `size` bytes or the first zero; `at + size` is inside the view. */
function getText(view: DataView, at: number, size: number): string {
  let text = "";
  for (let i = 0; i + 1 < size; i += 2) {
    const unit = view.getUint16(at + i, true);
    if (unit === 0) break;
    text += String.fromCharCode(unit);
  }
  return text;
}

function result(transaction: Transaction, status: number, body: Uint8Array<ArrayBuffer>): KvpResult {
  if (status === HV_S_CONT) return { kind: "end" };
  if (status !== HV_S_OK) return { kind: "failed", status };
  const at = transaction.answerAt;
  if (at === undefined) return { kind: "done" };
  if (body.length < at + VALUE + MAX_VALUE_SIZE) return { kind: "failed", status };
  const view = new DataView(body.buffer, body.byteOffset, body.byteLength);
  const size = (offset: number, limit: number) => Math.min(view.getUint32(at + offset, true), limit);
  return {
    kind: "done",
    pair: {
      key: getText(view, at + KEY, size(KEY_SIZE, MAX_KEY_SIZE)),
      value: getText(view, at + VALUE, size(VALUE_SIZE, MAX_VALUE_SIZE)),
    },
  };
}
