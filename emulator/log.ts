/** Where a part of the machine reports what a user should know: a guest's bad request, a device that gave up. */
export type Log = (source: string, message: string) => void;

/** A log that drops everything. */
export const silentLog: Log = () => undefined;
