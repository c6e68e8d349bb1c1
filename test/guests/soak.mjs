// Runs a guest under mixed load for long, and watches the memory that the emulator takes: forks, compression, sums,
// floating point, programs that are copied and run from pages that nothing ran from before (so that their code is
// decoded and translated anew), and files that fill the guest's memory.
// usage: node test/guests/soak.mjs [--guest NAME] [--minutes N] [--json FILE]      (after npm run build:node)
// Prints the resident memory of each minute; exit code 0 if the last third's mean is within 10 % of the middle third's,
// 1 if not, 2 for wrong use. Linux only: memory comes from /proc/PID/status.
import { spawn } from "node:child_process";
import { readFileSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";

const root = join(dirname(fileURLToPath(import.meta.url)), "../..");
const ALLOWED = 0.1;
const PROMPT = "soak is ready";

/** Typed into the guest's shell, line by line. */
const LOAD = [
  "n=0",
  "round() {",
  "busybox dd if=/dev/zero bs=64k count=256 2>/dev/null | busybox sha256sum >/dev/null",
  "i=0; while [ $i -lt 40 ]; do /bin/busybox true; i=$((i + 1)); done",
  "busybox gzip -c /bin/busybox >/dev/null",
  "busybox awk 'BEGIN { for (i = 0; i < 20000; i++) s += i * 1.5; print s }' >/dev/null",
  "busybox cp /bin/busybox /tmp/soak$n && /tmp/soak$n sh -c 'i=0; while [ $i -lt 2000 ]; do i=$((i + 1)); done'",
  "/tmp/soak$n find / -xdev >/dev/null 2>&1; busybox rm -f /tmp/soak$n",
  "busybox dd if=/dev/zero of=/tmp/filler bs=1M count=60 2>/dev/null; busybox rm -f /tmp/filler",
  "n=$((n + 1))",
  "}",
  `echo '${PROMPT.replace(" ", "' '")}'`,
  "while true; do round; [ $((n % 10)) = 0 ] && echo soak round $n; done",
];

function options() {
  try {
    const { values } = parseArgs({
      options: {
        guest: { type: "string", default: "el6" },
        minutes: { type: "string", default: "30" },
        json: { type: "string" },
      },
    });
    const minutes = Number(values.minutes);
    if (!(minutes >= 3)) throw new Error(`--minutes is '${values.minutes}'; it must be 3 or more`);
    return { guest: values.guest, minutes, json: values.json };
  } catch (error) {
    console.error(`soak: ${error.message}`);
    process.exit(2);
  }
}

const { guest, minutes, json } = options();
const child = spawn(process.execPath, ["cli/hypertab.js", "run", "--guest", guest, "--memory", "256", "--stats"], {
  cwd: root,
  stdio: ["pipe", "pipe", "pipe"],
});
let output = "";
let report = "";
let rounds = 0;
child.stdout.on("data", (bytes) => {
  output = (output + bytes.toString("latin1")).slice(-20_000);
  for (const [, round] of output.matchAll(/soak round (\d+)/g)) rounds = Math.max(rounds, Number(round));
});
child.stderr.on("data", (bytes) => (report += bytes.toString()));
const closed = new Promise((resolve) => child.on("close", resolve));

const sleep = (ms) => new Promise((resolve) => setTimeout(resolve, ms));
async function until(pattern) {
  for (;;) {
    if (pattern.test(output)) return;
    if (child.exitCode !== null) throw new Error(`hypertab ended before ${pattern}:\n${output.slice(-1000)}${report}`);
    await sleep(100);
  }
}

const residentMiB = () => Number(/VmRSS:\s+(\d+)/.exec(readFileSync(`/proc/${child.pid}/status`, "utf8"))[1]) / 1024;
const mean = (values) => values.reduce((sum, value) => sum + value, 0) / values.length;

try {
  await until(/# $/);
  for (const line of LOAD) {
    child.stdin.write(`${line}\n`);
    await sleep(200);
  }
  await until(new RegExp(`\\n${PROMPT}`));
  const samples = [];
  const end = Date.now() + minutes * 60_000;
  for (let minute = 1; Date.now() < end; minute++) {
    const ofMinute = [];
    for (let i = 0; i < 12; i++) {
      await sleep(5000);
      if (child.exitCode !== null) throw new Error(`hypertab ended:\n${output.slice(-1000)}${report}`);
      ofMinute.push(residentMiB());
    }
    samples.push(mean(ofMinute));
    console.log(`minute ${minute}: ${mean(ofMinute).toFixed(0)} MiB resident, ${rounds} rounds`);
  }
  // Two interrupts turn it off.
  child.kill("SIGINT");
  await sleep(500);
  child.kill("SIGINT");
  await closed;
  console.log(report.trim());
  const third = Math.floor(samples.length / 3);
  const middle = mean(samples.slice(third, 2 * third));
  const last = mean(samples.slice(-third));
  const growth = last / middle - 1;
  console.log(
    `resident: ${middle.toFixed(0)} MiB in the middle third, ${last.toFixed(0)} MiB in the last: ${(100 * growth).toFixed(1)} %`,
  );
  if (json !== undefined)
    writeFileSync(json, `${JSON.stringify({ guest, minutes, rounds, samples, growth }, undefined, 2)}\n`);
  process.exitCode = growth > ALLOWED ? 1 : 0;
} catch (error) {
  console.error(`soak: ${error.message}`);
  child.kill("SIGKILL");
  process.exitCode = 1;
}
