// The page that Chromium opens for the benchmark: boots a guest in ours, in a worker as the playground does, or in v86,
// in the page as v86's own pages do. The test harness calls startGuest and listens by benchConsole and benchEnded.
import type { BrowserMessage, HypertabStart } from "./browser-worker";
import { startV86, type V86Start } from "./v86-start";

interface Page {
  startHypertab(start: HypertabStart): void;
  startV86(start: V86Start): Promise<void>;
  benchConsole(text: string): void;
  benchEnded(message: string): void;
}

const page = globalThis as unknown as Page;

page.startHypertab = (start) => {
  const worker = new Worker("/worker.mjs", { type: "module" });
  worker.onmessage = ({ data }: MessageEvent<BrowserMessage>) => {
    if (data.ended !== undefined) page.benchEnded(data.ended);
    else page.benchConsole(data.console);
  };
  worker.onerror = (event) => page.benchEnded(event.message);
  worker.postMessage(start);
};

page.startV86 = async (start) => {
  // Bytes gather for a moment: a message for each would cost more than the guest's own work on it.
  let gathered = "";
  await startV86(
    start,
    async (address) => (await fetch(address)).arrayBuffer(),
    (byte) => {
      if (gathered === "") {
        setTimeout(() => {
          page.benchConsole(gathered);
          gathered = "";
        });
      }
      gathered += String.fromCharCode(byte);
    },
  );
};
