// Takes the picture of the demo page for the README. Usage: node picture.mjs BINARY FILE

import assert from 'node:assert/strict';
import fs from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';

import { until } from '../harness/checks.mjs';
import { browser, connected, hear, openTab, say, startDemo } from './tab.mjs';

const [binary, file] = process.argv.slice(2);
const MAX_LEN = 150 * 1024;
const TALK = [
  ['Ada', 'Hello! Is this one WebSocket per tab?'],
  ['Grace', 'Yes, and one event stream for all of them.'],
  ['Ada', 'What if the stream is cut?'],
  ['Grace', 'It resumes after the last event, and nothing is lost.'],
  ['Ada', 'And the bytes below?'],
  ['Grace', 'My last frame'],
];

const demo = await startDemo(binary);
const address = `http://127.0.0.1:${demo.port}/`;
const size = { width: 1200, height: 750 };
const [ada, grace] = [await openTab(address, size), await openTab(address, size)];
const people = { Ada: ada, Grace: grace };
for (const tab of [ada, grace]) await connected(tab);
for (const [name, text] of TALK) {
  await say(people[name], name, text);
  await hear([ada, grace], `${name}: ${text}`);
  await sleep(900);
}
await until('the frame is shown', async () => (await grace.textContent('#frames')).includes('My last frame'));
await grace.bringToFront();
await grace.evaluate(() => document.activeElement.blur());
await grace.screenshot({ path: file });
await browser.close();
await demo.kill();
const { size: len } = fs.statSync(file);
assert.ok(len <= MAX_LEN, `${file} has ${len} bytes, more than ${MAX_LEN}`);
console.log(`${file}: ${len} bytes`);
process.exit(0);
