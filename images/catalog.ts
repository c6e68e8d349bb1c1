import { join } from "node:path";
import { ConfigurationError } from "../emulator/machine-types";
import { checkoutDirectory } from "./checkout";
import { centos6 } from "./recipes/centos6";
import { debian, debian686, debian686Pae } from "./recipes/debian";
import { el6 } from "./recipes/el6";
import type { Guest, GuestOptions, Recipe } from "./types";

export type { Guest, GuestOptions } from "./types";

/** In the order in which a default guest is looked for. */
const RECIPES: readonly Recipe[] = [el6, centos6, debian, debian686, debian686Pae];

export interface GuestListing {
  readonly name: string;
  readonly description: string;
  /** Can be had without fetching anything. */
  readonly available: boolean;
  /** Where it is, where it would come from, or what is missing; one line. */
  readonly from: string;
}

/**
 * Options from the environment: HYPERTAB_CACHE (default: .cache in the checkout), HYPERTAB_MIRROR, HYPERTAB_GUESTS.
 * The first two of an argument of the command line go before these.
 */
export function guestOptions(environment: NodeJS.ProcessEnv, overrides: Partial<GuestOptions> = {}): GuestOptions {
  return {
    cacheDir: environment["HYPERTAB_CACHE"] || join(checkoutDirectory(), ".cache"),
    mirror: environment["HYPERTAB_MIRROR"] || undefined,
    guestsDir: environment["HYPERTAB_GUESTS"] || undefined,
    ...Object.fromEntries(Object.entries(overrides).filter(([, value]) => value !== undefined)),
  };
}

/** All guests that are known, with their availability here. */
export async function listGuests(options: GuestOptions): Promise<GuestListing[]> {
  return Promise.all(
    RECIPES.map(async (recipe) => ({
      name: recipe.name,
      description: recipe.description,
      ...(await recipe.availability(options)),
    })),
  );
}

/**
 * Finds, fetches or builds a guest.
 * @throws ConfigurationError for an unknown name, or if the guest cannot be had: one line
 */
export async function getGuest(name: string, options: GuestOptions): Promise<Guest> {
  const recipe = RECIPES.find((candidate) => candidate.name === name);
  if (!recipe) {
    const names = RECIPES.map((candidate) => candidate.name).join(", ");
    throw new ConfigurationError(`There is no guest "${name}"; known are ${names}.`);
  }
  return recipe.get(options);
}

/**
 * The first guest that can be had: those that are here already, then those that must be fetched, in the list's order.
 * @throws ConfigurationError if there is none, with the last one's reason
 */
export async function getDefaultGuest(options: GuestOptions): Promise<Guest> {
  const listing = await listGuests(options);
  const ordered = [...listing.filter((guest) => guest.available), ...listing.filter((guest) => !guest.available)];
  let reason = "";
  for (const { name } of ordered) {
    try {
      return await getGuest(name, options);
    } catch (error) {
      if (!(error instanceof ConfigurationError)) throw error;
      reason = error.message;
      options.log?.(`${name}: ${reason}`);
    }
  }
  throw new ConfigurationError(`No guest can be had here: ${reason}`);
}
