export { events, fetchEventSource } from "./event_stream.js";
export type { EventsOptions, FetchEventSourceOptions } from "./event_stream.js";
export {
    EventSourceMachine, EventStreamDecoder, FrameDecoder, closePayload, encodeFrame, parseClosePayload,
} from "./tidings_wasm.js";
export type {
    Attempt, EncodeOptions, EventSourceOptions, FrameDecoderOptions, FramePart, Opcode, StreamEvent,
    StreamItem, StreamOptions,
} from "./tidings_wasm.js";
export { EventStreamError, FrameError } from "./values.js";
