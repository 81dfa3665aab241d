// The package under test, as Node gets it: the directory that TIDINGS_WASM names.

import path from 'node:path';
import { pathToFileURL } from 'node:url';

const directory = process.env.TIDINGS_WASM;
if (!directory) throw new Error('TIDINGS_WASM must name the directory of the package');

/** The directory of the package. */
export const packageDirectory = path.resolve(directory);

/** All that the package exports. */
export const tidings = await import(pathToFileURL(path.join(packageDirectory, 'node.js')));

/** The memory of the module. */
export const { memory } = (await import(pathToFileURL(path.join(packageDirectory, 'manual.js')))).initSync();
