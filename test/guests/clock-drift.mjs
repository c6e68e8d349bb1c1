// Measures how far a guest's clock drifts from the host's in real time.
// usage: node test/guests/clock-drift.mjs [--guest NAME] [--seconds N]      (after npm run build:node)
// Prints both clocks' advance and the drift; exit code 0 if it is under 0.1 %, 1 if not, 2 for wrong use.
import { spawn } from "node:child_process";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";

const root = join(dirname(fileURLToPath(import.meta.url)), "../..");
const ALLOWED = 0.001;

function options() {
  try {
    const { values } = parseArgs({
      options: { guest: { type: "string", default: "el6" }, seconds: { type: "string", default: "60" } },
    });
    const seconds = Number(values.seconds);
    if (!(seconds >= 1)) throw new Error(`--seconds is '${values.seconds}'; it must be 1 or more`);
    return { guest: values.guest, seconds };
  } catch (error) {
    console.error(`clock-drift: ${error.message}`);
    process.exit(2);
  }
}

const { guest, seconds } = options();
const child = spawn(process.execPath, ["cli/hypertab.js", "run", "--guest", guest], {
  cwd: root,
  stdio: ["pipe", "pipe", "inherit"],
});
let output = "";
let wake = () => undefined;
child.stdout.on("data", (bytes) => {
  output += bytes.toString("latin1");
  wake();
});
let ended = false;
child.on("close", () => {
  ended = true;
  wake();
});

async function expectOutput(pattern, from) {
  for (;;) {
    const match = pattern.exec(output.slice(from));
    if (match) return match;
    if (ended) throw new Error(`hypertab ended before ${pattern}:\n${output.slice(-1000)}`);
    await new Promise((resolve) => (wake = resolve));
  }
}

/** The reading of several whose moment is known best. */
async function bestReading() {
  let best = await reading();
  for (let i = 0; i < 9; i++) {
    const next = await reading();
    if (next.uncertainty < best.uncertainty) best = next;
  }
  return best;
}

/** The guest's uptime, and the middle of the time in which it was asked for. */
async function reading() {
  const from = output.length;
  const before = performance.now();
  child.stdin.write("cat /proc/uptime\n");
  const match = await expectOutput(/\n(\d+\.\d+) \d+\.\d+\r?\n/, from);
  const after = performance.now();
  return { guest: Number(match[1]), host: (before + after) / 2000, uncertainty: (after - before) / 2000 };
}

try {
  await expectOutput(/=== guest ready[^]*\/ # /, 0);
  const begin = await bestReading();
  await new Promise((resolve) => setTimeout(resolve, seconds * 1000));
  const end = await bestReading();
  const guestSeconds = end.guest - begin.guest;
  const hostSeconds = end.host - begin.host;
  const drift = guestSeconds / hostSeconds - 1;
  // /proc/uptime counts in hundredths.
  const uncertainty = (begin.uncertainty + end.uncertainty + 0.01) / hostSeconds;
  console.log(
    `${guest}: guest ${guestSeconds.toFixed(2)} s, host ${hostSeconds.toFixed(3)} s, ` +
      `drift ${(drift * 100).toFixed(4)} % (+- ${(uncertainty * 100).toFixed(4)} %)`,
  );
  process.exitCode = Math.abs(drift) < ALLOWED ? 0 : 1;
  child.stdin.write("poweroff -f\n");
} catch (error) {
  console.error(`clock-drift: ${error.message}`);
  process.exitCode = 1;
  child.kill();
}
