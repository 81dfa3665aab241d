// For browsers, bundlers, Deno: fetches the module that lies beside.

import initialize from './tidings_wasm.js';

await initialize({ module_or_path: new URL('./tidings_wasm_bg.wasm', import.meta.url) });

export * from './api.js';
