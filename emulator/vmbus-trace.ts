// What the command line and the page do with the entries of Machine.traceVmbus.

export { TraceCapture } from "./vmbus/trace/capture";
export { describeTraceEntry, describeTraceFields } from "./vmbus/trace/describe";
