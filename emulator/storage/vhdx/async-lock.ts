/** Runs actions one after the other, in the order of the calls. */
export class Mutex {
  private last: Promise<unknown> = Promise.resolve();

  run<T>(action: () => Promise<T>): Promise<T> {
    const result = this.last.then(action, action);
    this.last = result.catch(() => undefined);
    return result;
  }
}

/** Many shared holders or one exclusive; who waits for the exclusive hold keeps later shared ones out. */
export class SharedLock {
  private holders = 0;
  private exclusive = false;
  private readonly waiting: { readonly exclusive: boolean; readonly start: () => void }[] = [];

  /** Whether runShared would begin at once: what does not wait inside needs no more than this. */
  get openToShared(): boolean {
    return !this.exclusive && this.waiting.length === 0;
  }

  async runShared<T>(action: () => Promise<T>): Promise<T> {
    if (!this.openToShared) await this.wait(false);
    else this.holders++;
    try {
      return await action();
    } finally {
      this.holders--;
      this.startWaiting();
    }
  }

  async runExclusive<T>(action: () => Promise<T>): Promise<T> {
    if (this.exclusive || this.holders > 0 || this.waiting.length > 0) await this.wait(true);
    else this.exclusive = true;
    try {
      return await action();
    } finally {
      this.exclusive = false;
      this.startWaiting();
    }
  }

  private wait(exclusive: boolean): Promise<void> {
    return new Promise((start) => this.waiting.push({ exclusive, start }));
  }

  /** The hold is passed on here, so that nobody can come between. */
  private startWaiting(): void {
    for (;;) {
      const next = this.waiting[0];
      if (!next || this.exclusive || (next.exclusive && this.holders > 0)) return;
      this.waiting.shift();
      if (next.exclusive) this.exclusive = true;
      else this.holders++;
      next.start();
    }
  }
}
