// What the package has. The module must be loaded before it is used: `index.js` and `node.js` do so.

export { events, fetchEventSource } from './event_stream.js';
export {
  EventSourceMachine, EventStreamDecoder, FrameDecoder, closePayload, encodeFrame, parseClosePayload,
} from './tidings_wasm.js';
export { EventStreamError, FrameError } from './values.js';
