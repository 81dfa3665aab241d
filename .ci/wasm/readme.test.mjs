// The examples of the README run, with a `fetch` that answers.

import assert from 'node:assert/strict';
import fs from 'node:fs';
import path from 'node:path';
import test from 'node:test';
import { pathToFileURL } from 'node:url';

import { packageDirectory } from './package.mjs';

const readme = fs.readFileSync(path.join(packageDirectory, 'README.md'), 'utf8');
const examples = [...readme.matchAll(/^```js\n(.*?)^```$/gms)].map(([, code]) => code);
const entry = pathToFileURL(path.join(packageDirectory, 'node.js')).href;

/** What an example writes to the console. */
async function run(code, answers) {
  const lines = [];
  const console = { log: (...values) => lines.push(values), warn: (...values) => lines.push(values) };
  globalThis.exampleConsole = console;
  const { fetch } = globalThis;
  globalThis.fetch = async () => answers.shift() ?? new Response(null, { status: 204 });
  try {
    const source = `const console = globalThis.exampleConsole;\n${code.replace("'tidings-wasm'", `'${entry}'`)}`;
    await import(`data:text/javascript,${encodeURIComponent(source)}`);
  } finally {
    globalThis.fetch = fetch;
  }
  return lines;
}
const stream = (text) => new Response(text, { headers: { 'content-type': 'text/event-stream' } });

test('the examples do what they say', async () => {
  assert.equal(examples.length, 4);
  const [one, many, decoder, frames] = examples;
  assert.deepEqual(await run(one, [stream('id: 1\ndata: a\n\ndata: [DONE]\n\ndata: b\n\n')]), [['message', 'a', '1']]);
  const [first, lost, ...more] = await run(many, [stream('retry: 100\ndata: a\n\n')]);
  assert.deepEqual([first, more], [['a'], []]);
  assert.match(lost[0], /^the event stream ended; trying again in \d/);
  assert.deepEqual(await run(decoder, []), [[{ kind: 'event', type: 'message', data: 'hello', lastEventId: '7' }], ['7', 11]]);
  const [part, message, fields] = await run(frames, []);
  assert.deepEqual([part, fields], [['text', true, 'Hello'], [1002, 'reservedBits', 11]]);
  assert.match(message[0], /^in the frame at byte 11: reserved bits 100 are set /);
});
