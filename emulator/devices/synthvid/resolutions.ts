import type { ScreenMode } from "../../machine-types";

/** The video memory of Hyper-V's display adapter: enough for 1920 x 1080 at 32 bits. Bytes. */
export const VIDEO_MEMORY_SIZE = 8 << 20;

/** Largest picture of guests that know no better: Windows Server 2008 R2's time. */
export const OLD_LIMIT: ScreenMode = { width: 1600, height: 1200 };

/** What a guest may choose from; the first is the default. All fit the video memory. */
export const RESOLUTIONS: readonly ScreenMode[] = [
  [1024, 768],
  [800, 600],
  [1152, 864],
  [1280, 720],
  [1280, 768],
  [1280, 800],
  [1280, 960],
  [1280, 1024],
  [1360, 768],
  [1366, 768],
  [1400, 1050],
  [1440, 900],
  [1600, 900],
  [1600, 1200],
  [1680, 1050],
  [1920, 1080],
].map(([width, height]) => ({ width: width!, height: height! }));
