import { concatenate } from "./concatenate";

/** What a server did not give: the message names the address and the reason. */
export class FetchError extends Error {
  override readonly name = "FetchError";
}

/**
 * All bytes at `url`. `progress` gets whole percents, when the server tells the length. Throws FetchError; a body
 * `{"error": "..."}` of a failure is its reason.
 */
export async function fetchBytes(url: string, progress: (percent: number) => void): Promise<Uint8Array<ArrayBuffer>> {
  const response = await fetch(url).catch((error: unknown) => {
    throw new FetchError(`The server does not answer for ${url} (${String(error)})`);
  });
  if (!response.ok) throw new FetchError(await reasonOf(response, url));
  const total = Number(response.headers.get("Content-Length"));
  const pieces: Uint8Array<ArrayBuffer>[] = [];
  let loaded = 0;
  let shown = -1;
  const reader = response.body?.getReader();
  for (;;) {
    const piece = await reader?.read().catch((error: unknown) => {
      throw new FetchError(`The connection broke while loading ${url} (${String(error)})`);
    });
    if (!piece || piece.done) break;
    pieces.push(piece.value);
    loaded += piece.value.length;
    const percent = total > 0 ? Math.floor((loaded / total) * 100) : 0;
    if (total > 0 && percent !== shown) progress((shown = percent));
  }
  return concatenate(pieces, loaded);
}

async function reasonOf(response: Response, url: string): Promise<string> {
  const body = (await response.json().catch(() => ({}))) as { error?: unknown };
  if (typeof body.error === "string") return body.error;
  return `The server has no ${url} (${response.status} ${response.statusText})`;
}
