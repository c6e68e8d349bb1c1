import { element } from "../dom";
import type { JobProgress } from "./protocol";
import { progressText } from "./texts";

/** The line that shows long work, and can end it. */
export class JobLine {
  private readonly line = element("disk-job", HTMLElement);
  private readonly bar = element("disk-job-bar", HTMLProgressElement);
  private readonly text = element("disk-job-text", HTMLElement);
  private readonly button = element("disk-job-cancel", HTMLButtonElement);
  private cancel: (() => void) | undefined;

  constructor() {
    this.button.addEventListener("click", () => {
      this.button.disabled = true;
      this.cancel?.();
    });
  }

  show(text: string, cancel: () => void): void {
    this.text.textContent = text;
    this.bar.removeAttribute("value");
    this.cancel = cancel;
    this.button.disabled = false;
    this.line.hidden = false;
  }

  progress(progress: JobProgress): void {
    this.text.textContent = progressText(progress);
    this.bar.value = progress.total > 0 ? progress.done / progress.total : 0;
  }

  hide(): void {
    this.line.hidden = true;
    this.cancel = undefined;
  }
}
