import { once } from "node:events";
import { statSync } from "node:fs";
import { createServer } from "node:net";
import { StorageBusyError } from "../../emulator/storage/block/block-store";

/**
 * Makes this process the only one of ours that writes to a file, until the returned function is called or the process
 * ends, however it ends: what is held is a name of the system that no file stands for. Throws StorageBusyError when
 * another one has it. On systems without such names (macOS) nothing is held.
 */
export async function ownFile(path: string): Promise<() => void> {
  const name = ownershipName(path);
  if (name === undefined) return () => undefined;
  const server = createServer((connection) => connection.destroy());
  try {
    server.listen(name);
    await once(server, "listening");
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== "EADDRINUSE") throw error;
    throw new StorageBusyError(`'${path}' is open in another hypertab; end that one first`);
  }
  // It keeps no process alive.
  server.unref();
  return () => void server.close();
}

function ownershipName(path: string): string | undefined {
  let file: { dev: bigint; ino: bigint };
  try {
    file = statSync(path, { bigint: true });
  } catch {
    // Whoever opens it says what is wrong.
    return undefined;
  }
  const name = `hypertab-disk-${file.dev}-${file.ino}`;
  if (process.platform === "linux") return `\0${name}`;
  return process.platform === "win32" ? `\\\\.\\pipe\\${name}` : undefined;
}
