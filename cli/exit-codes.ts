import type { StopReason } from "../emulator/machine-types";

export const EXIT_SUCCESS = 0;
/** A defect of ours. */
export const EXIT_FAILURE = 1;
/** Wrong options, or files that cannot be used. */
export const EXIT_USAGE = 2;
export const EXIT_TIMEOUT = 3;
/** The guest panicked or triple-faulted. */
export const EXIT_GUEST_CRASH = 4;
/** Turned off from outside: a second SIGINT, or Ctrl-A x. 128 + SIGINT, as a shell has it. */
export const EXIT_INTERRUPTED = 130;

/** The exit code of `hypertab run` for a machine that stopped by itself. */
export function exitCodeOf(reason: StopReason): number {
  switch (reason.kind) {
    case "power-off":
      return EXIT_SUCCESS;
    case "triple-fault":
    case "guest-crash":
      return EXIT_GUEST_CRASH;
    case "debug-exit":
      return (reason.status * 2 + 1) & 0xff;
    case "turned-off":
      return EXIT_INTERRUPTED;
    case "failure":
      return EXIT_FAILURE;
  }
}
