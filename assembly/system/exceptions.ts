// Raising exceptions. A handler that finds a fault calls one of these before it has changed any architectural state;
// they never return: the host unwinds every frame of the core, and run() delivers the exception on re-entry.

import { unwind } from "../host";
import {
  EXCEPTION_ADDRESS,
  EXCEPTION_CODE,
  EXCEPTION_HAS_CODE,
  EXCEPTION_PENDING,
  EXCEPTION_VECTOR,
} from "../state";

// Vectors: Intel SDM volume 3, table 6-1.
export const EXCEPTION_DE: u32 = 0;
export const EXCEPTION_DB: u32 = 1;
export const EXCEPTION_NMI: u32 = 2;
export const EXCEPTION_BP: u32 = 3;
export const EXCEPTION_OF: u32 = 4;
export const EXCEPTION_BR: u32 = 5;
export const EXCEPTION_UD: u32 = 6;
export const EXCEPTION_NM: u32 = 7;
export const EXCEPTION_DF: u32 = 8;
export const EXCEPTION_TS: u32 = 10;
export const EXCEPTION_NP: u32 = 11;
export const EXCEPTION_SS: u32 = 12;
export const EXCEPTION_GP: u32 = 13;
export const EXCEPTION_PF: u32 = 14;
export const EXCEPTION_MF: u32 = 16;
export const EXCEPTION_AC: u32 = 17;
export const EXCEPTION_XM: u32 = 19;

/** Raises an exception that pushes no error code. Never returns. */
export function raise(vector: u32): void {
  store<u32>(EXCEPTION_VECTOR, vector);
  store<u32>(EXCEPTION_HAS_CODE, 0);
  store<u32>(EXCEPTION_CODE, 0);
  store<u32>(EXCEPTION_PENDING, 1);
  unwind();
}

/** Raises an exception with an error code. Never returns. */
export function raiseWithCode(vector: u32, code: u32): void {
  store<u32>(EXCEPTION_VECTOR, vector);
  store<u32>(EXCEPTION_HAS_CODE, 1);
  store<u32>(EXCEPTION_CODE, code);
  store<u32>(EXCEPTION_PENDING, 1);
  unwind();
}

/** Raises a page fault; CR2 is loaded as it is delivered. Never returns. */
export function raisePageFault(address: u64, code: u32): void {
  store<u64>(EXCEPTION_ADDRESS, address);
  raiseWithCode(EXCEPTION_PF, code);
}
