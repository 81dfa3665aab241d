// For Node: reads the module that lies beside.

import { readFileSync } from 'node:fs';
import { initSync } from './tidings_wasm.js';

initSync({ module: readFileSync(new URL('./tidings_wasm_bg.wasm', import.meta.url)) });

export * from './api.js';
