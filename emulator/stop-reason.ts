import type { StopReason } from "./machine-types";

/** Why a machine stopped, in words that complete "It stopped: ...". */
export function describeStop(reason: StopReason): string {
  switch (reason.kind) {
    case "power-off":
      return "the guest powered off";
    case "triple-fault":
      return "the guest triple-faulted";
    case "guest-crash": {
      const parameters = reason.parameters.map((value) => `0x${value.toString(16)}`).join(" ");
      return `the guest reported a crash: ${reason.message ?? parameters}`;
    }
    case "debug-exit":
      return `the guest wrote ${reason.status} to the debug-exit port`;
    case "turned-off":
      return "the machine was turned off";
    case "failure":
      return `the emulator failed: ${reason.message}`;
  }
}
