/** A guest on disk, ready to boot. */
export interface Guest {
  readonly name: string;
  /** Paths of the files. */
  readonly kernel: string;
  readonly initrd: string;
  readonly commandLine: string;
  /** Where it came from, one line. */
  readonly why: string;
}

export interface GuestOptions {
  /** Folder for what is fetched and built. */
  readonly cacheDir: string;
  /** One line for each step. */
  readonly log?: (line: string) => void;
  /** Base URL in place of a recipe's own, without a slash at the end. */
  readonly mirror?: string;
  /** Folder with guests that stand outside the project (HYPERTAB_GUESTS). */
  readonly guestsDir?: string;
}

/** A guest that images/ knows. */
export interface Recipe {
  readonly name: string;
  readonly description: string;
  /** Whether it can be had here without fetching, and from where; one line. */
  availability(options: GuestOptions): Promise<{ readonly available: boolean; readonly from: string }>;
  /** @throws ConfigurationError if it cannot be had, one line */
  get(options: GuestOptions): Promise<Guest>;
}
