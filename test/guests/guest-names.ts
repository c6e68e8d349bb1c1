import { ConfigurationError } from "../../emulator/machine-types";
import { getGuest, guestOptions } from "../../images/catalog";

/**
 * The kernel of Enterprise Linux 6.6: from the folder that has it, or else built from CentOS's packages.
 * @returns undefined if neither can be had here; why is printed
 */
export async function enterpriseLinux6(): Promise<string | undefined> {
  for (const name of ["el6", "centos6"]) {
    try {
      return (await getGuest(name, guestOptions(process.env))).name;
    } catch (error) {
      if (!(error instanceof ConfigurationError)) throw error;
      process.stderr.write(`${name}: ${error.message}\n`);
    }
  }
  return undefined;
}
