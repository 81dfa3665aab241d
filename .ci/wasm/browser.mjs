// The package and its example page in Chromium. With a file name in SCREENSHOT, a picture of the page.

import assert from 'node:assert/strict';
import fs from 'node:fs';
import path from 'node:path';

import { Program, check, finish, setSubject, until } from '../harness/checks.mjs';
import { launchChromium } from '../harness/chromium.mjs';

const directory = process.env.TIDINGS_WASM;
const vectors = JSON.parse(fs.readFileSync(new URL('../../crates/sse/tests/data/event-stream-vectors.json', import.meta.url)));

const server = new Program(process.execPath, path.join(directory, 'example/server.mjs'), '0');
await until('the server listens', () => /http:\S+/.test(server.stdout));
const [url] = /http:\S+/.exec(server.stdout);
const browser = await launchChromium();
const page = await browser.newPage();
const complaints = [];
page.on('console', (message) => { if (['error', 'warning'].includes(message.type())) complaints.push(message.text()); });
page.on('pageerror', (error) => complaints.push(error.message));
await page.goto(url);
const text = (selector) => page.locator(selector).textContent();

setSubject('Chromium, example page');
await check('a POST is answered token by token', async () => {
  const [request] = await Promise.all([page.waitForRequest('**/tokens'), page.click('#start')]);
  assert.deepEqual([request.method(), request.headers().authorization, request.postData()], ['POST', 'Bearer example', '{"prompt": "Say something about rivers."}']);
  await until('a part of the answer', async () => (await text('#answer')).length > 10);
  const early = await text('#answer');
  await until('the end', async () => (await text('#state')).endsWith('all here'), 10);
  const whole = await text('#answer');
  assert.ok(whole.startsWith(early) && early.length < whole.length, `${early} | ${whole}`);
  assert.ok(whole.startsWith('A river is never done') && whole.endsWith('川は流れる。'), whole);
  assert.equal(await text('#stream-error'), '');
});
await check('the stream can be stopped', async () => {
  await page.click('#start');
  await until('a part of the answer', async () => (await text('#answer')).length > 10);
  await page.click('#stop');
  await until('the stop', async () => (await text('#stream-error')) === 'stopped');
  assert.ok(await page.isEnabled('#start'));
});
await check('frames are shown, and the fault of a bad one', async () => {
  assert.match(await text('#frames'), /text.*81 85.*37 fa 21 3d.*7f 9f 4d 51 58.*masked.*Hello/);
  await page.click('text=A Ping inside a message');
  assert.deepEqual(await page.locator('#frames strong').allTextContents(), ['text', 'ping', 'continuation']);
  await page.click('text=A fault');
  assert.deepEqual(await page.locator('#frames strong').allTextContents(), ['text']);
  assert.match(await text('#frame-error'), /^in the frame at byte 7: reserved bits 100 .* Close with 1002\.$/);
  await page.fill('#hex', '81 05 48 65');
  assert.match(await text('#frame-error'), /not complete/);
  await page.fill('#hex', '8z');
  assert.match(await text('#frame-error'), /“z” is not a hexadecimal digit/);
  await page.click('text=Hello, masked');
});
await check('it complains of nothing', async () => {
  assert.deepEqual(complaints, []);
});
if (process.env.SCREENSHOT) {
  await page.click('#start');
  await until('the end', async () => (await text('#state')).endsWith('all here'), 10);
  await page.click('text=A fault');
  await page.screenshot({ path: process.env.SCREENSHOT, fullPage: true });
}

setSubject('Chromium, package');
await check(`the ${vectors.length} vectors hold, whole and byte by byte`, async () => {
  const outcomes = await page.evaluate(async (streams) => {
    const { EventStreamDecoder } = await import('/index.js');
    return streams.map((hex) => {
      const stream = Uint8Array.from(hex.match(/../g) ?? [], (pair) => Number.parseInt(pair, 16));
      const pieces = { whole: [stream], bytes: Array.from(stream, (byte) => Uint8Array.of(byte)) };
      return Object.values(pieces).map((given) => {
        const decoder = new EventStreamDecoder();
        const items = given.flatMap((piece) => decoder.push(piece));
        return { items: items.filter(({ kind }) => kind === 'event'), id: decoder.lastEventId, retry: decoder.reconnectionTimeMs ?? null };
      });
    });
  }, vectors.map(({ input_hex }) => input_hex));
  vectors.forEach(({ name, expected, last_event_id, retry }, i) => {
    const items = expected.map(({ event, data, id }) => ({ kind: 'event', type: event, data, lastEventId: id }));
    for (const outcome of outcomes[i]) assert.deepEqual(outcome, { items, id: last_event_id, retry }, name);
  });
});
await check('leaving the loop, a signal and an error end a stream', async () => {
  const seen = await page.evaluate(async () => {
    const { events, fetchEventSource } = await import('/index.js');
    const post = (signal) => fetch('/tokens', { method: 'POST', headers: { authorization: 'Bearer x' }, signal });
    const seen = [];
    for await (const event of events(await post())) {
      seen.push(event.type);
      break;
    }
    const controller = new AbortController();
    const fail = async (source) => { try { for await (const event of source) seen.push(event.type); } catch (error) { seen.push(error.reason ?? error.name); } };
    setTimeout(() => controller.abort(), 50);
    await fail(events(await post(controller.signal), { onComment() {} }));
    await fail(fetchEventSource('/tokens', { method: 'POST', reconnectionTimeMs: 1 }));
    await fail(fetchEventSource('http://127.0.0.1:1/', { attemptsMax: 1, reconnectionTimeMs: 1, waitMsMax: 1 }));
    return seen.filter((name, i) => name !== seen[i - 1]);
  });
  assert.deepEqual(seen, ['message', 'AbortError', 'status', 'unreachable']);
});
await check('a client comes back with its last event ID', async () => {
  const ids = [];
  await page.route('**/source', async (route) => {
    ids.push(route.request().headers()['last-event-id']);
    if (ids.length > 2) await route.fulfill({ status: 204 });
    else await route.fulfill({ contentType: 'text/event-stream', body: `id: é${ids.length}\ndata: ${ids.length}\n\n` });
  });
  const seen = await page.evaluate(async () => {
    const { fetchEventSource } = await import('/index.js');
    const seen = [];
    for await (const { data } of fetchEventSource('/source', { reconnectionTimeMs: 1, waitMsMax: 1 })) seen.push(data);
    return seen;
  });
  assert.deepEqual(seen, ['1', '2']);
  assert.deepEqual(ids, [undefined, 'é1', 'é2']); // UTF-8 on the wire, read as such
});

await browser.close();
await server.kill();
finish();
