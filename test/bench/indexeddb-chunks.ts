// How large the chunks should be in which a disk lies in IndexedDB: a file is written and read through our own store in
// chunks of several sizes, in Chromium, and a table says what each size costs.
// usage: npm run build:node && node dist/indexeddb-chunks.mjs [--kib SIZES] [--mib N] [--json FILE]
import { writeFileSync } from "node:fs";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { checkoutDirectory } from "../../images/checkout";
import { serve } from "./emulators/browser-server";
import { buildScript, launchChromium } from "./emulators/chromium";
import { processorSeconds } from "./emulators/processor-time";
import { type ChunkTrial, type ChunkTrials, type Step, STEPS } from "./indexeddb-page";

declare const chunkTrials: ChunkTrials;

const SCATTERED_READS = 500;
const FLUSHES = 50;

interface Cost {
  /** By the page's clock. */
  readonly seconds: number;
  /** Processor time of all of the browser's processes. */
  readonly cpuSeconds: number;
}

interface Row {
  readonly kib: number;
  readonly costs: Readonly<Record<Step, Cost>>;
}

function options(): { readonly kib: readonly number[]; readonly mib: number; readonly json: string | undefined } {
  const { values } = parseArgs({
    options: {
      kib: { type: "string", default: "16,32,64,128,256,512,1024,2048,4096" },
      mib: { type: "string", default: "128" },
      json: { type: "string" },
    },
  });
  const kib = values.kib.split(",").map(Number);
  const mib = Number(values.mib);
  if (!kib.every((size) => Number.isInteger(size) && size > 0)) throw new Error(`--kib is '${values.kib}'`);
  if (!Number.isInteger(mib) || mib < 32) throw new Error(`--mib is '${values.mib}'; it must be 32 or more`);
  return { kib, mib, json: values.json };
}

/** Each size in a browser of its own, with a profile of its own: none finds what another one left behind. */
async function measure(kib: number, mib: number, folder: string): Promise<Row> {
  const script = await buildScript(join(checkoutDirectory(), "test/bench/indexeddb-page.ts"), "page", folder);
  const server = await serve({ "/page.mjs": script });
  const chromium = await launchChromium(folder);
  try {
    const page = await chromium.newPage();
    await page.goto(`${server.address}/`);
    await page.waitForFunction("globalThis.chunkTrials !== undefined");
    const trial: ChunkTrial = {
      chunkSize: kib << 10,
      size: mib << 20,
      cache: Math.max(16 << 20, (8 * kib) << 10),
      scatteredReads: SCATTERED_READS,
      flushes: FLUSHES,
    };
    const costs: Partial<Record<Step, Cost>> = {};
    for (const step of STEPS) {
      const before = processorSeconds(chromium.pid) ?? NaN;
      const seconds = await page.evaluate(([name, given]) => chunkTrials.run(name, given), [step, trial] as const);
      costs[step] = { seconds, cpuSeconds: (processorSeconds(chromium.pid) ?? NaN) - before };
    }
    await page.evaluate((given) => chunkTrials.end(given), trial);
    return { kib, costs: costs as Record<Step, Cost> };
  } finally {
    await chromium.kill();
    server.close();
    await rm(join(folder, "profile"), { recursive: true, force: true, maxRetries: 5 });
  }
}

function line({ kib, costs }: Row, mib: number): string {
  const each = (step: Step, count: number): string[] =>
    [costs[step].seconds, costs[step].cpuSeconds].map((seconds) => ((1000 * seconds) / count).toFixed(2));
  const cells = [
    String(kib),
    ...each("write", mib),
    ...each("read", mib),
    ...each("scattered", SCATTERED_READS),
    ...each("flush", FLUSHES),
  ];
  return cells.map((cell) => cell.padStart(9)).join("");
}

async function main(): Promise<void> {
  const { kib, mib, json } = options();
  const folder = await mkdtemp(join(tmpdir(), "hypertab-chunks-"));
  const rows: Row[] = [];
  try {
    process.stdout.write(
      "Milliseconds by the clock, and of processor time, to write and to read a MiB one after the other, to read 4 KiB\n" +
        "somewhere, and to write 4 KiB somewhere and flush it; by KiB in a chunk.\n\n" +
        ["KiB", "write", "cpu", "read", "cpu", "4K read", "cpu", "flush", "cpu"]
          .map((cell) => cell.padStart(9))
          .join("") +
        "\n",
    );
    for (const size of kib) {
      const row = await measure(size, mib, folder);
      rows.push(row);
      process.stdout.write(`${line(row, mib)}\n`);
    }
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
  if (json !== undefined) writeFileSync(json, `${JSON.stringify({ mib, rows }, undefined, 2)}\n`);
}

await main().catch((error: unknown) => {
  process.stderr.write(`indexeddb-chunks: ${error instanceof Error ? error.message : String(error)}\n`);
  process.exitCode = 1;
});
