// Replays what real hardware did with MMX and SSE instructions: see sse/record.c. Every case compares the result, the
// general registers, the status flags and MXCSR, and whether #XM was raised.
import { readFileSync } from "node:fs";
import { gunzipSync } from "node:zlib";
import { describe, expect, it } from "vitest";
import * as S from "../../assembly/state";
import { CODE, Guest, STACK_TOP, readFlags, writeFlags } from "./harness";

interface Form {
  readonly name: string;
  readonly code: Uint8Array;
  readonly cases: DataView[];
}

/** sizeof(struct record) */
const RECORD_SIZE = 112;
const STATUS_FLAGS = 0x8d5;
/** Where the harness's interrupt gate of #XM (vector 19) leads. */
const XM_HANDLER = 0x3000 + 19;

/** SSE_VECTORS names a longer recording, not compressed. */
function readForms(): Form[] {
  const longer = process.env.SSE_VECTORS;
  const path = longer ?? new URL("sse/recorded.bin.gz", import.meta.url);
  const file = readFileSync(path);
  const bytes = longer === undefined ? gunzipSync(file) : file;
  const forms: Form[] = [];
  for (let at = 0; at < bytes.length;) {
    const nameLength = bytes[at++] ?? 0;
    const name = bytes.subarray(at, (at += nameLength)).toString("latin1");
    const codeLength = bytes[at++] ?? 0;
    const code = bytes.subarray(at, (at += codeLength));
    const count = bytes.readUInt32LE(at);
    at += 4;
    const cases: DataView[] = [];
    for (let n = 0; n < count; n++, at += RECORD_SIZE) {
      cases.push(new DataView(bytes.buffer, bytes.byteOffset + at, RECORD_SIZE));
    }
    forms.push({ name, code, cases });
  }
  return forms;
}

const hex = (value: bigint): string => value.toString(16).padStart(16, "0");

interface Result {
  xmm0: string;
  mm0: string;
  rax: string;
  rcx: string;
  mxcsr: string;
  flags: string;
  trapped: number;
}

function run(guest: Guest, length: number, record: DataView): Result {
  const state = guest.cpu.state;
  const u64 = (at: number): bigint => record.getBigUint64(at, true);
  for (let n = 0; n < 2; n++) {
    state.setBigUint64(S.XMM + n * 16, u64(n * 16), true);
    state.setBigUint64(S.XMM + n * 16 + 8, u64(n * 16 + 8), true);
    state.setBigUint64(S.FPU_REGISTERS + n * 16, u64(n * 16), true);
  }
  state.setBigUint64(S.RAX, u64(32), true);
  state.setBigUint64(S.RCX, u64(40), true);
  state.setBigUint64(S.RDX, u64(48), true);
  state.setUint32(S.MXCSR, record.getUint32(96, true), true);
  writeFlags(state, 2);
  state.setBigUint64(S.RIP, BigInt(CODE), true);
  guest.cpu.setRegister("rsp", BigInt(STACK_TOP));
  // One instruction: the one under test, or the delivery of its exception.
  guest.cpu.run(guest.cpu.instructionCount + 1);
  const rip = Number(guest.cpu.rip);
  const trapped = rip === XM_HANDLER ? 1 : 0;
  if (!trapped && rip !== CODE + length) throw new Error(`RIP is ${rip.toString(16)}`);
  return {
    xmm0: hex(state.getBigUint64(S.XMM + 8, true)) + hex(state.getBigUint64(S.XMM, true)),
    mm0: hex(state.getBigUint64(S.FPU_REGISTERS, true)),
    rax: hex(state.getBigUint64(S.RAX, true)),
    rcx: hex(state.getBigUint64(S.RCX, true)),
    mxcsr: state.getUint32(S.MXCSR, true).toString(16),
    flags: trapped ? "0" : (readFlags(state) & STATUS_FLAGS).toString(16),
    trapped,
  };
}

function expected(record: DataView): Result {
  const u64 = (at: number): string => hex(record.getBigUint64(at, true));
  return {
    xmm0: u64(64) + u64(56),
    mm0: u64(72),
    rax: u64(80),
    rcx: u64(88),
    mxcsr: record.getUint32(100, true).toString(16),
    flags: record.getUint32(104, true).toString(16),
    trapped: record.getUint32(108, true),
  };
}

function inputs(record: DataView): string {
  const u64 = (at: number): string => hex(record.getBigUint64(at, true));
  const mxcsr = record.getUint32(96, true).toString(16);
  return `xmm0 ${u64(8)}${u64(0)} xmm1 ${u64(24)}${u64(16)} rax ${u64(32)} rdx ${u64(48)} mxcsr ${mxcsr}`;
}

describe("MMX and SSE against recorded hardware", () => {
  const guest = new Guest(64);
  for (const form of readForms()) {
    it(form.name, () => {
      guest.setUp();
      guest.cpu.memory.write(CODE, Uint8Array.from([...form.code, 0xf4]));
      let wrong = 0;
      let first = "";
      for (const record of form.cases) {
        const got = JSON.stringify(run(guest, form.code.length, record));
        const want = JSON.stringify(expected(record));
        if (got === want) continue;
        if (wrong++ === 0) first = `${inputs(record)}\n got ${got}\nwant ${want}`;
      }
      expect(first, `${wrong} of ${form.cases.length} cases`).toBe("");
    });
  }
});
