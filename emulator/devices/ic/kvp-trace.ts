import type { FieldReader } from "../../vmbus/trace/field-reader";
import { named } from "../../vmbus/trace/text";
import {
  KVP_OP_DELETE,
  KVP_OP_ENUMERATE,
  KVP_OP_GET,
  KVP_OP_SET,
  KVP_POOL_AUTO,
  KVP_POOL_AUTO_EXTERNAL,
  KVP_POOL_EXTERNAL,
  KVP_POOL_GUEST,
  MAX_KEY_SIZE,
  MAX_VALUE_SIZE,
  REG_SZ,
} from "./kvp";

const OPERATIONS: Readonly<Record<number, string>> = {
  [KVP_OP_GET]: "KVP_OP_GET",
  [KVP_OP_SET]: "KVP_OP_SET",
  [KVP_OP_DELETE]: "KVP_OP_DELETE",
  [KVP_OP_ENUMERATE]: "KVP_OP_ENUMERATE",
  4: "KVP_OP_GET_IP_INFO",
  5: "KVP_OP_SET_IP_INFO",
};

const POOLS: Readonly<Record<number, string>> = {
  [KVP_POOL_EXTERNAL]: "KVP_POOL_EXTERNAL",
  [KVP_POOL_GUEST]: "KVP_POOL_GUEST",
  [KVP_POOL_AUTO]: "KVP_POOL_AUTO",
  [KVP_POOL_AUTO_EXTERNAL]: "KVP_POOL_AUTO_EXTERNAL",
};

const VALUE_TYPES: Readonly<Record<number, string>> = { [REG_SZ]: "REG_SZ", 4: "REG_U32", 8: "REG_U64" };
const REG_U32 = 4;
const REG_U64 = 8;

/** struct hv_kvp_hdr, and the body of its operation. */
export function readKeyValueExchange(fields: FieldReader): void {
  const operation = fields.u8("operation", (value) => named(value, OPERATIONS));
  fields.u8("pool", (value) => named(value, POOLS));
  fields.skip(2);
  switch (operation) {
    case KVP_OP_ENUMERATE:
      fields.u32("index");
      readValue(fields);
      break;
    case KVP_OP_GET:
    case KVP_OP_SET:
      readValue(fields);
      break;
    case KVP_OP_DELETE:
      fields.u32("key_size");
      fields.utf16("key", MAX_KEY_SIZE);
      break;
    default:
      fields.rest("bytes");
  }
}

/** struct hv_kvp_exchg_msg_value */
function readValue(fields: FieldReader): void {
  const type = fields.u32("value_type", (value) => named(value, VALUE_TYPES));
  const keySize = fields.u32("key_size") ?? 0;
  const valueSize = fields.u32("value_size") ?? 0;
  fields.utf16("key", MAX_KEY_SIZE);
  if (keySize === 0 && valueSize === 0) return;
  if (type === REG_U32) fields.u32("value_u32");
  else if (type === REG_U64) fields.u64("value_u64");
  else fields.utf16("value", MAX_VALUE_SIZE);
}
