export function deliverPendingException(): bool { return false; }
export function deliverInterrupt(_vector: u32): void {}
export function deliverNmi(): void {}
