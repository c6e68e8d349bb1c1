// The families of instructions that run in this folder.

import { registerArithmetic } from "./arithmetic";
import { registerBcd } from "./bcd";
import { registerBits } from "./bits";
import { registerBound } from "./bound";
import { registerConditional } from "./conditional";
import { registerControl } from "./control";
import { registerData } from "./data";
import { registerExchange } from "./exchange";
import { registerMultiply } from "./multiply";
import { registerPush } from "./push";
import { registerShift } from "./shift";
import { registerSse } from "./sse/index";
import { registerString } from "./string";
import { registerX87 } from "./x87/index";

/** Enters every instruction of execute/ into the decode tables. */
export function registerInstructions(): void {
  registerArithmetic();
  registerBcd();
  registerBits();
  registerBound();
  registerConditional();
  registerControl();
  registerData();
  registerExchange();
  registerMultiply();
  registerPush();
  registerShift();
  registerSse();
  registerString();
  registerX87();
}
