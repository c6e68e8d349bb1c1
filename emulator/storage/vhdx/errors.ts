import { ConfigurationError } from "../../machine-types";

/** The file is no VHDX file, is damaged, or needs what we do not know; the message is one line. */
export class VhdxError extends ConfigurationError {}

/** Throws VhdxError with this message unless the condition holds. */
export function verify(condition: boolean, message: string): asserts condition {
  if (!condition) throw new VhdxError(message);
}
