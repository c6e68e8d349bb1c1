// Registers every instruction of system/.

import { registerControlRegisters } from "./control-registers";
import { registerCpuid } from "./cpuid";
import { registerInputOutput } from "./input-output";
import { registerInterruptReturn } from "./iret";
import { registerModelSpecificRegisters } from "./model-specific-registers";
import { registerPrivileged } from "./privileged";
import { registerSegments } from "./segment-instructions";
import { registerSoftwareInterrupts } from "./software-interrupts";
import { registerSystemCalls } from "./syscalls";
import { registerTimeStamp } from "./time-stamp";
import { registerTransfers } from "./transfers";

export function registerSystem(): void {
  registerSegments();
  registerControlRegisters();
  registerModelSpecificRegisters();
  registerTimeStamp();
  registerCpuid();
  registerInputOutput();
  registerPrivileged();
  registerSoftwareInterrupts();
  registerInterruptReturn();
  registerTransfers();
  registerSystemCalls();
}
