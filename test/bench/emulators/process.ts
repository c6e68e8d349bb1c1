import { execFile, spawn } from "node:child_process";
import { ConfigurationError } from "../../../emulator/machine-types";
import { processorSeconds } from "./processor-time";
import type { Listener, Running } from "./emulator";

/** What is kept of an emulator's own messages. */
const MESSAGES_LENGTH = 2000;

/** Runs an emulator as a process whose stdout is the guest's serial console. */
export function startProcess(program: string, args: readonly string[], listener: Listener): Running {
  listener.begins();
  const child = spawn(program, args, { stdio: ["ignore", "pipe", "pipe"] });
  let messages = "";
  child.stdout.setEncoding("latin1").on("data", (text: string) => listener.console(text));
  child.stderr.setEncoding("utf8").on("data", (text: string) => {
    messages = (messages + text).slice(-MESSAGES_LENGTH);
  });
  const gone = new Promise<void>((resolve) => {
    child.on("error", (error) => {
      listener.ended(error.message);
      resolve();
    });
    child.on("close", (code, signal) => {
      listener.ended(messages.trim() || `exit ${code ?? signal}`);
      resolve();
    });
  });
  return {
    end() {
      child.kill("SIGKILL");
      return gone;
    },
    cpuSeconds: () => processorSeconds(child.pid),
  };
}

/** The first line that a program prints, for its version. @throws ConfigurationError if it cannot be run */
export function firstLine(program: string, args: readonly string[]): Promise<string> {
  return new Promise((resolve, reject) => {
    execFile(program, args, (error, stdout) => {
      if (error) reject(new ConfigurationError(`The benchmark needs ${program}, which cannot be run here.`));
      else resolve(stdout.split("\n", 1)[0]!.trim());
    });
  });
}
