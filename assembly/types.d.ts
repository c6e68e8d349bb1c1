// The AssemblyScript integer types that state.ts uses, for TypeScript's side of that file.
type i32 = number;
type u32 = number;
