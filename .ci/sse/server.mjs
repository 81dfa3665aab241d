// The npm package `eventsource` with `event_server`. Usage: node server.mjs PROGRAMS

import assert from 'node:assert/strict';
import { createRequire } from 'node:module';
import path from 'node:path';

import { check, finish, setSubject, startServer } from '../harness/checks.mjs';
import { KINDS, collect } from './kinds.mjs';

const { EventSource } = createRequire(import.meta.url)('eventsource');

const [programs] = process.argv.slice(2);
const server = await startServer(path.join(programs, 'event_server'), '127.0.0.1:0');
const { url } = server;

setSubject('npm eventsource, event_server');
await check('the response says what it is, and that it must not be held back', async () => {
  const response = await fetch(`${url}silent`);
  assert.equal(response.status, 200);
  assert.equal(response.headers.get('content-type'), 'text/event-stream');
  assert.equal(response.headers.get('cache-control'), 'no-cache, no-transform');
  assert.equal(response.headers.get('x-accel-buffering'), 'no');
  const { value } = await response.body.getReader().read();
  assert.equal(Buffer.from(value).toString()[0], ':', 'a comment comes at once');
});
await check('names, ids, several lines and all characters arrive', async () => {
  const { events } = await collect(EventSource, `${url}kinds`, ['message', 'named', 'last'], 'last');
  // For this client an event without an ID field has no ID.
  const own = new Set(['with an ID', 'with an ID that is not ASCII']);
  assert.deepEqual(events, KINDS.map(([type, data, id]) => [type, data, own.has(data) ? id : '']));
});
await check('it comes back until all has come, and 204 stops it', async () => {
  const seen = await collect(EventSource, `${url}numbers?count=50&every_ms=1&drop_after=9&retry_ms=20`, ['number', 'gap']);
  const numbers = Array.from({ length: 50 }, (_, i) => `${i + 1}`);
  assert.deepEqual(seen.events, numbers.map((number) => ['number', number, number]));
  assert.ok(seen.closed && seen.opened === 6, JSON.stringify([seen.closed, seen.opened, seen.lost]));
});
await check('a status or type other than that of a stream closes it', async () => {
  for (const path of ['status/404', 'status/500', 'type']) {
    const { events, closed } = await collect(EventSource, `${url}${path}`, ['message']);
    assert.deepEqual([events, closed], [[], true], path);
  }
});
await check('the server notices nothing', async () => {
  assert.equal(server.process.exitCode, null);
  assert.doesNotMatch(server.stderr, /panicked/);
});
await server.kill();
finish();
