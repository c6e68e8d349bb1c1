// Boots a guest from reset to user space in Hypertab and in QEMU's TCG with one processor, by turns, and compares.
// usage: node test/bench/boot-speed.mjs [--guest NAME] [--runs N] [--interpret] [--json FILE]     (after npm run build:node)
// Exit code: 0, 1 if a boot failed, 2 for wrong use. HYPERTAB_GUESTS and HYPERTAB_CACHE as for hypertab.
import { spawn, spawnSync } from "node:child_process";
import { writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";

const root = join(dirname(fileURLToPath(import.meta.url)), "../..");
const QEMU = "qemu-system-x86_64";
const USER_SPACE = "userspace up";
const MEMORY_MIB = 256;
/** No boot takes as long, ms. */
const LIMIT = 300_000;
/** The driver modules are not part of what is measured. */
const APPEND = "hv.nomodules";

function options() {
  try {
    const { values } = parseArgs({
      options: {
        guest: { type: "string", default: "el6" },
        runs: { type: "string", default: "3" },
        interpret: { type: "boolean", default: false },
        json: { type: "string" },
      },
    });
    const runs = Number(values.runs);
    if (!Number.isInteger(runs) || runs < 1) throw new Error(`--runs is '${values.runs}'; it must be 1 or more`);
    return { guest: values.guest, runs, interpret: values.interpret, json: values.json };
  } catch (error) {
    console.error(`boot-speed: ${error.message}`);
    process.exit(2);
  }
}

/** Runs a program until its output has the text. @returns seconds from its start, and all that it printed */
function until(text, program, args, signal, env = process.env) {
  return new Promise((resolve, reject) => {
    const begun = performance.now();
    const child = spawn(program, args, { cwd: root, env, stdio: ["ignore", "pipe", "pipe"] });
    let output = "";
    let seconds;
    const limit = setTimeout(() => child.kill("SIGKILL"), LIMIT);
    const read = (bytes) => {
      output += bytes.toString("latin1");
      if (seconds !== undefined || !output.includes(text)) return;
      seconds = (performance.now() - begun) / 1000;
      for (let i = 0; i < signal.times; i++) setTimeout(() => child.kill(signal.name), i * 200);
    };
    child.stdout.on("data", read);
    child.stderr.on("data", read);
    child.on("error", reject);
    child.on("close", () => {
      clearTimeout(limit);
      if (seconds === undefined) reject(new Error(`${program} ended before '${text}':\n${output.slice(-1500)}`));
      else resolve({ seconds, output });
    });
  });
}

async function hypertab(guest, interpret) {
  const args = ["cli/hypertab.js", "run", "--guest", guest, "--memory", `${MEMORY_MIB}`, "--append", APPEND, "--stats"];
  if (interpret) args.push("--interpret");
  // Two interrupts turn it off.
  const { seconds, output } = await until(USER_SPACE, process.execPath, args, { name: "SIGINT", times: 2 });
  const rate = Number(/([\d.]+) million instructions\/s/.exec(output)?.[1]);
  const guestTime = Number(/userspace up at ([\d.]+) s/.exec(output)?.[1]);
  return { seconds, guestTime, millionInstructionsPerSecond: rate };
}

async function qemu(files) {
  const args = [
    "-accel",
    "tcg",
    "-smp",
    "1",
    "-m",
    `${MEMORY_MIB}`,
    "-display",
    "none",
    "-serial",
    "stdio",
    "-no-reboot",
  ];
  args.push("-kernel", files.kernel, "-initrd", files.initrd, "-append", `${files.commandLine} ${APPEND}`);
  const { seconds, output } = await until(USER_SPACE, QEMU, args, { name: "SIGTERM", times: 1 });
  return { seconds, guestTime: Number(/userspace up at ([\d.]+) s/.exec(output)?.[1]) };
}

/** The guest's files, as hypertab itself has them. */
function guestFiles(name) {
  const got = spawnSync(process.execPath, ["cli/hypertab.js", "guest", "get", name], { cwd: root, encoding: "utf8" });
  const field = (label) => new RegExp(`^${label}:? +(.+)$`, "m").exec(got.stdout)?.[1];
  const [kernel, initrd, commandLine] = [field("kernel"), field("initrd"), field("command line")];
  if (got.status !== 0 || !kernel || !initrd) throw new Error(`no guest ${name}: ${got.stderr || got.stdout}`);
  return { kernel, initrd, commandLine: commandLine ?? "console=ttyS0" };
}

const median = (values) => [...values].sort((a, b) => a - b)[Math.floor(values.length / 2)];

async function main() {
  const { guest, runs, interpret, json } = options();
  const files = guestFiles(guest);
  const rows = [];
  for (let run = 1; run <= runs; run++) {
    const theirs = await qemu(files);
    const ours = await hypertab(guest, interpret);
    rows.push({ run, hypertab: ours, qemu: theirs, ratio: ours.seconds / theirs.seconds });
  }
  console.log(`${guest}, from the process's start to '${USER_SPACE}', s of host time (in brackets: the guest's clock)`);
  console.log("run   hypertab          QEMU TCG          ratio   million instructions/s");
  const time = ({ seconds, guestTime }) => `${seconds.toFixed(2)} (${guestTime.toFixed(2)})`.padEnd(18);
  for (const { run, hypertab: ours, qemu: theirs, ratio } of rows) {
    const rate = ours.millionInstructionsPerSecond.toFixed(1);
    console.log(`${String(run).padEnd(6)}${time(ours)}${time(theirs)}${ratio.toFixed(2).padEnd(8)}${rate}`);
  }
  const summary = {
    hypertabSeconds: median(rows.map((row) => row.hypertab.seconds)),
    qemuSeconds: median(rows.map((row) => row.qemu.seconds)),
    ratio: median(rows.map((row) => row.ratio)),
  };
  console.log(
    `median: hypertab ${summary.hypertabSeconds.toFixed(2)} s, QEMU ${summary.qemuSeconds.toFixed(2)} s, ` +
      `ratio ${summary.ratio.toFixed(2)}`,
  );
  const result = JSON.stringify(
    { guest, memoryMiB: MEMORY_MIB, node: process.version, rows, median: summary },
    undefined,
    2,
  );
  if (json) writeFileSync(json, `${result}\n`);
  else console.log(result);
}

main().catch((error) => {
  console.error(`boot-speed: ${error.message}`);
  process.exitCode = 1;
});
