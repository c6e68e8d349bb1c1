export interface TestCount {
  readonly passed: number;
  readonly failed: number;
  readonly skipped: number;
}

export interface VitestReport {
  readonly testResults: readonly {
    readonly status: string;
    readonly assertionResults: readonly { readonly status: string }[];
  }[];
}

export declare function countTests(report: VitestReport | undefined, exitStatus: number | null): TestCount;
export declare function summaryLine(count: TestCount): string;
