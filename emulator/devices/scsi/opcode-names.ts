import * as opcodes from "./opcodes";

/** Of SCSI commands only; the module has other numbers too, and these begin so. */
const OTHERS = /^(STATUS|TYPE|VPD)_|^NO_LOGICAL_UNIT$|^READ_CAPACITY_16$/;

const NAMES: ReadonlyMap<number, string> = new Map(
  Object.entries(opcodes)
    .filter(([name]) => !OTHERS.test(name))
    .map(([name, code]) => [code, name.replace(/_(6|10|12|16)$/, "($1)").replaceAll("_", " ")]),
);

/** As the standards write it, "READ(10)"; with its number where our devices do not know the command. */
export function operationName(opcode: number): string {
  return NAMES.get(opcode) ?? `operation 0x${opcode.toString(16).padStart(2, "0")}`;
}

const BLOCK_COMMANDS = /^(READ|WRITE|VERIFY|WRITE AND VERIFY|SYNCHRONIZE CACHE|WRITE SAME)\(\d+\)$/;

/** Whether the CDB has a logical block address and a count of blocks. */
export function isBlockCommand(opcode: number): boolean {
  return BLOCK_COMMANDS.test(operationName(opcode));
}
