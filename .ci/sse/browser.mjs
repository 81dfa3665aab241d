// Chromium's EventSource with `event_server`. Usage: node browser.mjs PROGRAMS

import assert from 'node:assert/strict';
import path from 'node:path';

import { check, finish, setSubject, startServer } from '../harness/checks.mjs';
import { launchChromium } from '../harness/chromium.mjs';
import { KINDS, collect } from './kinds.mjs';

const [programs] = process.argv.slice(2);
const server = await startServer(path.join(programs, 'event_server'), '127.0.0.1:0');
// The page comes from the script, and Chromium would not let such a page talk to this machine.
const browser = await launchChromium('--disable-features=LocalNetworkAccessChecks');
const page = await browser.newPage();
await page.route('**/page', (route) => route.fulfill({ contentType: 'text/html', body: '<!doctype html><title>page</title>' }));
await page.goto(`${server.url}page`);
await page.evaluate(`window.collect = ${collect.toString()}`);
const run = (target, types, isDone) => page.evaluate(
  ([url, types, isDone]) => collect(EventSource, url, types, isDone ?? undefined),
  [`${server.url}${target}`, types, isDone],
);

setSubject('Chromium, event_server');
await check('names, ids, several lines and all characters arrive', async () => {
  const { events } = await run('kinds', ['message', 'named', 'last'], 'last');
  assert.deepEqual(events, KINDS);
});
await check('it comes back until all has come, and 204 stops it', async () => {
  const seen = await run('numbers?count=50&every_ms=1&drop_after=9&retry_ms=20', ['number', 'gap']);
  const numbers = Array.from({ length: 50 }, (_, i) => `${i + 1}`);
  assert.deepEqual(seen.events, numbers.map((number) => ['number', number, number]));
  assert.ok(seen.closed && seen.opened === 6, JSON.stringify([seen.closed, seen.opened, seen.lost]));
});
await check('a status or type other than that of a stream closes it', async () => {
  for (const target of ['status/404', 'status/500', 'type']) {
    const { events, closed } = await run(target, ['message']);
    assert.deepEqual([events, closed], [[], true], target);
  }
});
await check('an event comes as it is sent, and a page of another origin may listen', async () => {
  await page.goto('about:blank');
  await page.evaluate(`window.collect = ${collect.toString()}`);
  const took = await page.evaluate(async (url) => {
    const begun = performance.now();
    await collect(EventSource, url, ['number'], 'number');
    return performance.now() - begun;
  }, `${server.url}numbers?count=100&every_ms=500`);
  assert.ok(took < 400, `${took} ms`);
});

await browser.close();
await server.kill();
finish();
