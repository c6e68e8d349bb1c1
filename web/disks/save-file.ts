interface SavePicker {
  showSaveFilePicker?(options: {
    suggestedName: string;
    types: readonly { description: string; accept: Record<string, string[]> }[];
  }): Promise<FileSystemFileHandle>;
}

const TYPE = { description: "VHDX disk image", accept: { "application/octet-stream": [".vhdx"] } };

function fileName(disk: string): string {
  // What some system does not have in a file's name.
  return `${disk.replace(/[<>:"|?*]/g, "_").replace(/^\.+/, "_")}.vhdx`;
}

/**
 * Where to write a disk to: a file that the user chooses, "download" where the browser has no way to choose one, or
 * undefined when the user chose none. Must be called by a click.
 */
export async function chooseTarget(disk: string): Promise<FileSystemFileHandle | "download" | undefined> {
  const picker = globalThis as SavePicker;
  if (!picker.showSaveFilePicker) return "download";
  try {
    return await picker.showSaveFilePicker({ suggestedName: fileName(disk), types: [TYPE] });
  } catch (error) {
    if ((error as Error).name === "AbortError") return undefined;
    throw error;
  }
}

/** Has the browser save what it holds. */
export function download(blob: Blob, disk: string): void {
  const link = document.createElement("a");
  link.href = URL.createObjectURL(blob);
  link.download = fileName(disk);
  link.click();
  // The browser has begun to read it by then; until then the address must stay.
  setTimeout(() => URL.revokeObjectURL(link.href), 60_000);
}
