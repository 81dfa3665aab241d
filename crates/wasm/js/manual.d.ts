export { default as initialize, initSync } from "./tidings_wasm.js";
export * from "./api.js";
