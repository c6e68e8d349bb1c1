import { fetchBytes } from "./fetch-bytes";
import type { GuestAddress } from "./protocol";

export interface KnownGuest {
  readonly name: string;
  readonly description: string;
}

/** The guests that the server knows, the one to offer first at the beginning. Throws FetchError. */
export async function loadGuestList(): Promise<readonly KnownGuest[]> {
  const bytes = await fetchBytes(new URL("guests/index.json", document.baseURI).href, () => undefined);
  return (JSON.parse(new TextDecoder().decode(bytes)) as { guests: readonly KnownGuest[] }).guests;
}

export function addressOf(name: string): GuestAddress {
  const below = (file: string): string => new URL(`guests/${name}/${file}`, document.baseURI).href;
  return { description: below("guest.json"), kernel: below("kernel"), initrd: below("initrd") };
}
