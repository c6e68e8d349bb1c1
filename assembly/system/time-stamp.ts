// RDTSC, RDTSCP, RDPMC. The counter is the host's clock plus the offset that software wrote. SDM volume 3, 18.17.

import { CPL, CR0, CR4, HOST_SCRATCH, MSR_TSC_AUX, RAX, RCX, RDX, TSC_OFFSET } from "../state";
import { TWO, define } from "../decode/tables";
import { readTsc } from "../host";
import { EXCEPTION_GP, raiseWithCode } from "./exceptions";
import { CR0_PE, CR4_TSD } from "./mode";

/** The host's counter, before the offset. */
export function hostTimeStamp(): u64 {
  readTsc();
  return load<u64>(HOST_SCRATCH);
}

export function timeStamp(): u64 { return hostTimeStamp() + load<u64>(TSC_OFFSET); }

function readTimeStamp(): void {
  if ((load<u64>(CR4) & CR4_TSD) != 0 && load<u32>(CPL) != 0 && (load<u64>(CR0) & CR0_PE) != 0) {
    raiseWithCode(EXCEPTION_GP, 0);
  }
  const value = timeStamp();
  store<u64>(RAX, value & 0xffffffff);
  store<u64>(RDX, value >> 32);
}

function rdtsc(op: u32): void { readTimeStamp(); }

/** RDTSCP: called from the group of 0F 01. */
export function rdtscp(): void {
  readTimeStamp();
  store<u64>(RCX, load<u64>(MSR_TSC_AUX) & 0xffffffff);
}

/** No performance counter is announced, so no index is valid. */
function rdpmc(op: u32): void { raiseWithCode(EXCEPTION_GP, 0); }

export function registerTimeStamp(): void {
  define(TWO | 0x31, 0, rdtsc);
  define(TWO | 0x33, 0, rdpmc);
}
