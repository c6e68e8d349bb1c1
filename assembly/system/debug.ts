export function checkCodeBreakpoints(): void {}
export function deliverPendingDebug(): void {}
