// Measures how much of a host's core a guest at rest costs: at its shell's prompt, in real time.
// usage: node test/guests/idle-cpu.mjs [--guest NAME] [--seconds N]      (after npm run build:node)
// Prints the process's CPU time against the wall's; exit code 0 if it is under 3 %, 1 if not, 2 for wrong use.
// Linux only: CPU time comes from /proc/PID/stat, so it counts no time that other processes took.
import { spawn } from "node:child_process";
import { readFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";

const root = join(dirname(fileURLToPath(import.meta.url)), "../..");
const ALLOWED = 0.03;
/** Seconds after the prompt in which the guest's start and the compiler's work come to their end. */
const SETTLE = 10;
/** Clock ticks of /proc a second (USER_HZ). */
const USER_HZ = 100;

function options() {
  try {
    const { values } = parseArgs({
      options: { guest: { type: "string", default: "el6" }, seconds: { type: "string", default: "20" } },
    });
    const seconds = Number(values.seconds);
    if (!(seconds >= 1)) throw new Error(`--seconds is '${values.seconds}'; it must be 1 or more`);
    return { guest: values.guest, seconds };
  } catch (error) {
    console.error(`idle-cpu: ${error.message}`);
    process.exit(2);
  }
}

/** CPU seconds of all threads of a process. */
function cpuSeconds(pid) {
  const stat = readFileSync(`/proc/${pid}/stat`, "utf8");
  // The program's name, in parentheses, may have blanks; utime and stime are fields 14 and 15.
  const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
  return (Number(fields[11]) + Number(fields[12])) / USER_HZ;
}

const sleep = (seconds) => new Promise((resolve) => setTimeout(resolve, seconds * 1000));

const { guest, seconds } = options();
const child = spawn(process.execPath, ["cli/hypertab.js", "run", "--guest", guest], {
  cwd: root,
  stdio: ["pipe", "pipe", "inherit"],
});
try {
  await new Promise((resolve, reject) => {
    let output = "";
    child.stdout.on("data", (bytes) => {
      output += bytes.toString("latin1");
      if (/=== guest ready[^]*\/ # /.test(output)) resolve();
    });
    child.on("close", () => reject(new Error(`hypertab ended before its guest's prompt:\n${output.slice(-1000)}`)));
  });
  await sleep(SETTLE);
  const before = { cpu: cpuSeconds(child.pid), wall: performance.now() / 1000 };
  await sleep(seconds);
  const cpu = cpuSeconds(child.pid) - before.cpu;
  const wall = performance.now() / 1000 - before.wall;
  console.log(
    `${guest}: ${cpu.toFixed(2)} s of CPU in ${wall.toFixed(2)} s at rest: ${((cpu / wall) * 100).toFixed(1)} %`,
  );
  process.exitCode = cpu / wall < ALLOWED ? 0 : 1;
} catch (error) {
  console.error(`idle-cpu: ${error.message}`);
  process.exitCode = 1;
} finally {
  child.removeAllListeners("close");
  child.kill("SIGKILL");
}
