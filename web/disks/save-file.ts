import type { ExportFormat } from "../../emulator/storage/library/export-disk";

interface SavePicker {
  showSaveFilePicker?(options: {
    suggestedName: string;
    types: readonly { description: string; accept: Record<string, string[]> }[];
  }): Promise<FileSystemFileHandle>;
}

const TYPES: Readonly<Record<ExportFormat, { readonly description: string; readonly extension: string }>> = {
  vhdx: { description: "VHDX disk image", extension: ".vhdx" },
  raw: { description: "Raw disk image", extension: ".img" },
};

function fileName(disk: string, format: ExportFormat): string {
  // What some system does not have in a file's name.
  return `${disk.replace(/[<>:"|?*]/g, "_").replace(/^\.+/, "_")}${TYPES[format].extension}`;
}

/**
 * Where to write a disk to: a file that the user chooses, "download" where the browser has no way to choose one, or
 * undefined when the user chose none. Must be called by a click.
 */
export async function chooseTarget(
  disk: string,
  format: ExportFormat,
): Promise<FileSystemFileHandle | "download" | undefined> {
  const picker = globalThis as SavePicker;
  if (!picker.showSaveFilePicker) return "download";
  const { description, extension } = TYPES[format];
  try {
    return await picker.showSaveFilePicker({
      suggestedName: fileName(disk, format),
      types: [{ description, accept: { "application/octet-stream": [extension] } }],
    });
  } catch (error) {
    if ((error as Error).name === "AbortError") return undefined;
    throw error;
  }
}

/** Has the browser save what it holds. */
export function download(blob: Blob, disk: string, format: ExportFormat): void {
  const link = document.createElement("a");
  link.href = URL.createObjectURL(blob);
  link.download = fileName(disk, format);
  link.click();
  // The browser has begun to read it by then; until then the address must stay.
  setTimeout(() => URL.revokeObjectURL(link.href), 60_000);
}
