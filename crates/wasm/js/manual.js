// For places where the module comes otherwise, such as a worker that imports it: call `initSync` or
// `initialize` first.

export { default as initialize, initSync } from './tidings_wasm.js';
export * from './api.js';
