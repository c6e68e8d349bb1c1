// Registers the x87 instructions: opcodes D8 to DF, and WAIT.

import { registerX87Compute } from "./compute";
import { registerX87Control } from "./control";
import { registerX87Functions } from "./functions";
import { registerX87LoadStore } from "./load-store";

export function registerX87(): void {
  registerX87LoadStore();
  registerX87Compute();
  registerX87Functions();
  registerX87Control();
}
