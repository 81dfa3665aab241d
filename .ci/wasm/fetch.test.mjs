// `events` and `fetchEventSource` with a server of Node's.

import assert from 'node:assert/strict';
import { once } from 'node:events';
import http from 'node:http';
import net from 'node:net';
import test, { after, before } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';

import { tidings } from './package.mjs';

const { EventStreamError, events, fetchEventSource } = tidings;
const STREAM = { 'content-type': 'text/event-stream' };
/** Waits are as short as can be. */
const FAST = { reconnectionTimeMs: 1, waitMsMax: 1, retryMsMin: 0 };

/** What the next requests are answered by, in order; the last one again and again. */
let answers = [];
/** The requests so far, with their bodies. */
let requests = [];
let server;
let url;

before(async () => {
  server = http.createServer(async (request, response) => {
    let body = '';
    for await (const chunk of request) body += chunk;
    const { method, headers } = request;
    requests.push({ method, headers, body });
    response.closed_ = once(response, 'close');
    const answer = answers.length > 1 ? answers.shift() : answers[0];
    await answer(response, request);
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  url = `http://127.0.0.1:${server.address().port}/`;
});
after(() => { server.closeAllConnections(); server.close(); });

const answer = (...next) => { answers = next; requests = []; };
const stream = (text) => (response) => { response.writeHead(200, STREAM).end(text); };
const status = (code, headers) => (response) => { response.writeHead(code, headers).end('why'); };
const data = async (source) => {
  const seen = [];
  for await (const event of source) seen.push(event.data);
  return seen;
};
/** All up to the error. */
async function failing(source) {
  const seen = [];
  try {
    for await (const event of source) seen.push(event.data);
  } catch (error) {
    return { seen, error };
  }
  throw new Error(`no error after ${seen}`);
}
async function until(what, condition) {
  const end = Date.now() + 5000;
  while (!condition()) {
    if (Date.now() > end) throw new Error(`not within 5 s: ${what}`);
    await sleep(5);
  }
}

// ------------------------------------------------------------------------ events

test('a POST with headers and a body is answered by events, each as it comes', async () => {
  const gates = [];
  answer(async (response) => {
    response.writeHead(200, { 'content-type': 'Text/Event-Stream; charset=utf-8' });
    for (const piece of ['event: token\nid: 1\ndata: He', 'llo\n\n', 'data: 電', '書\n\n']) {
      // Bytes, so that characters are cut as well.
      for (const byte of Buffer.from(piece)) response.write(Uint8Array.of(byte));
      if (piece.endsWith('\n\n')) await new Promise((resolve) => { gates.push(resolve); });
    }
    response.end();
  });
  const response = await fetch(url, { method: 'POST', headers: { authorization: 'Bearer x' }, body: '{"prompt":1}' });
  const seen = [];
  for await (const event of events(response)) {
    seen.push(event);
    gates.shift()(); // The server goes on when the event is here, not before.
  }
  assert.deepEqual(seen, [
    { kind: 'event', type: 'token', data: 'Hello', lastEventId: '1' },
    { kind: 'event', type: 'message', data: '電書', lastEventId: '1' },
  ]);
  assert.deepEqual([requests[0].method, requests[0].headers.authorization, requests[0].body], ['POST', 'Bearer x', '{"prompt":1}']);
  assert.equal(response.body.locked, false);
});

test('leaving the loop cancels the body', async () => {
  let closed;
  answer((response) => { closed = response.closed_; response.writeHead(200, STREAM).write('data: 1\n\ndata: 2\n\n'); });
  for await (const event of events(await fetch(url))) {
    assert.equal(event.data, '1');
    break;
  }
  await closed;
});

test('a signal ends a read that waits, and nothing comes after it', async () => {
  let closed;
  answer((response) => { closed = response.closed_; response.writeHead(200, STREAM).write('data: 1\n\ndata: 2\n\n'); });
  const reason = new Error('enough');
  const controller = new AbortController();
  const waiting = failing(events(await fetch(url), { signal: controller.signal }));
  await sleep(30);
  controller.abort(reason);
  const { seen, error } = await waiting;
  assert.deepEqual([seen, error], [['1', '2'], reason]);
  await closed;

  const between = new AbortController();
  const source = events(await fetch(url), { signal: between.signal });
  assert.equal((await source.next()).value.data, '1');
  between.abort(reason);
  await assert.rejects(source.next(), reason);
  await closed;

  await assert.rejects(events(await fetch(url), { signal: AbortSignal.abort(reason) }).next(), reason);
});

test('the signal of the fetch itself ends it with its own reason', async () => {
  answer((response) => { response.writeHead(200, STREAM).write('data: 1\n\n'); });
  for (const reason of [undefined, new Error('enough')]) {
    const controller = new AbortController();
    const source = events(await fetch(url, { signal: controller.signal }));
    await source.next();
    controller.abort(reason);
    await assert.rejects(source.next(), reason ?? { name: 'AbortError' });
  }
});

test('a response that is not an event stream is refused, and its body can be read', async () => {
  for (const [given, reason, code, message] of [
    [status(500, STREAM), 'status', 500, 'the server answered 500; an event stream needs 200'],
    [status(404), 'status', 404, /answered 404/],
    [status(206, STREAM), 'status', 206, /answered 206/],
    [status(200, { 'content-type': 'text/html' }), 'contentType', undefined, "the response's media type is not text/event-stream"],
    [status(200, { 'content-type': ['text/event-stream', 'text/html'] }), 'contentType', undefined, /media type/],
    [status(200), 'contentType', undefined, /media type/],
  ]) {
    answer(given);
    const { seen, error } = await failing(events(await fetch(url)));
    assert.deepEqual(seen, []);
    assert.ok(error instanceof EventStreamError && error instanceof Error);
    const { name, isFailure, waitMs } = error;
    assert.deepEqual({ name, isFailure, waitMs, reason: error.reason, status: error.status }, {
      name: 'EventStreamError', isFailure: true, waitMs: undefined, reason, status: code,
    });
    if (typeof message === 'string') assert.equal(error.message, message);
    else assert.match(error.message, message);
    assert.equal(await error.response.text(), 'why');
  }
  // No content: the server has nothing to say, and nothing is wrong.
  answer((response) => { response.writeHead(204).end(); });
  assert.deepEqual(await data(events(await fetch(url))), []);
});

test('a stream that ends within an event, or breaks, says so', async () => {
  answer(stream('data: 1\n\ndata: cut'));
  let { seen, error } = await failing(events(await fetch(url)));
  assert.deepEqual([seen, error.reason, error.droppedLength], [['1'], 'ended', 9]);
  assert.equal(error.message, 'the event stream ended, 9 bytes into an event');

  answer((response) => {
    response.writeHead(200, STREAM).write('data: 1\n\n');
    setTimeout(() => response.destroy(), 20);
  });
  ({ seen, error } = await failing(events(await fetch(url))));
  assert.deepEqual([seen, error.reason, error.droppedLength, error.message], [['1'], 'broken', 0, 'the connection broke']);
  assert.ok(error.cause instanceof TypeError);
});

test('comments, overflows and parts of data are told to who asks', async () => {
  const text = `: hi\n\ndata: ${'x'.repeat(50)}\n\ndata: 1\n\n`;
  answer(stream(text));
  const { seen, error } = await failing(events(await fetch(url), { dataLengthMax: 10 }));
  assert.deepEqual([seen, error.reason, error.limit, error.lengthMax], [[], 'overflow', 'data', 10]);
  const comments = [];
  const overflows = [];
  const options = { dataLengthMax: 10, onComment: (text) => comments.push(text), onOverflow: ({ limit }) => overflows.push(limit) };
  assert.deepEqual(await data(events(await fetch(url), options)), ['1']);
  assert.deepEqual([comments, overflows], [['hi'], ['data']]);

  const kinds = [];
  for await (const item of events(await fetch(url), { reportDataChunks: true })) kinds.push(item.kind);
  assert.deepEqual([kinds.at(0), kinds.at(-1)], ['dataChunk', 'eventEnd']);
});

test('an option of the wrong type is an error, before anything is read', async () => {
  answer(stream('data: 1\n\n'));
  const response = await fetch(url);
  await assert.rejects(events(response, { dataLengthMax: '1' }).next(), { name: 'TypeError', message: /^dataLengthMax/ });
  assert.deepEqual(await data(events(response)), ['1']);
  await assert.rejects(events(response).next(), { name: 'TypeError', message: /read already/ });
});

test('a stream without network works as well', async () => {
  const body = new ReadableStream({ start(controller) { controller.enqueue(Buffer.from('data: 1\r\r')); controller.close(); } });
  assert.deepEqual(await data(events(new Response(body, { headers: STREAM }))), ['1']);
  assert.deepEqual(await data(events(new Response(null, { headers: STREAM }))), []);
  const failed = new Error('mine');
  const own = new ReadableStream({ pull(controller) { controller.error(failed); } });
  await assert.rejects(events(new Response(own, { headers: STREAM })).next(), failed);
});

// ------------------------------------------------------------------------ fetchEventSource

test('it comes back with the last event ID, until 204', async () => {
  answer(stream('id: 1\ndata: 1\n\n'), stream('id: é☃\ndata: 2\n\ndata: cut'), stream('data: 3\n\n'), status(204));
  const lost = [];
  const opened = [];
  const seen = await data(fetchEventSource(url, {
    ...FAST, onLost: ({ reason, droppedLength, waitMs }) => lost.push([reason, droppedLength, waitMs < 50]), onOpen: ({ status }) => opened.push(status),
  }));
  assert.deepEqual(seen, ['1', '2', '3']);
  assert.deepEqual(lost, [['ended', 0, true], ['ended', 9, true], ['ended', 0, true]]);
  assert.deepEqual(opened, [200, 200, 200]);
  const ids = requests.map(({ headers }) => headers['last-event-id']);
  // UTF-8 on the wire, which Node shows byte by byte.
  const snow = Buffer.from('é☃').toString('latin1');
  assert.deepEqual(ids, [undefined, '1', snow, snow]);
  for (const { method, headers } of requests) {
    assert.deepEqual([method, headers.accept, headers['cache-control']], ['GET', 'text/event-stream', 'no-cache']);
  }
});

test('it begins with a last event ID, and with headers that a function gives for each attempt', async () => {
  answer(stream('data: 1\n\n'), status(204));
  const headers = async ({ number }) => ({ authorization: `token ${number}`, accept: 'application/json, text/event-stream' });
  assert.deepEqual(await data(fetchEventSource(url, { ...FAST, lastEventId: '41', headers })), ['1']);
  assert.deepEqual(
    requests.map(({ headers }) => [headers['last-event-id'], headers.authorization, headers.accept]),
    [['41', 'token 0', 'application/json, text/event-stream'], ['41', 'token 0', 'application/json, text/event-stream']],
  );
});

test('the server sets the reconnection time by retry', async () => {
  answer(stream('retry: 300\ndata: 1\n\n'), status(204));
  let wait;
  const began = performance.now();
  await data(fetchEventSource(url, { ...FAST, onLost: ({ waitMs }) => { wait = waitMs; } }));
  assert.ok(wait >= 300 && wait <= 302, String(wait));
  assert.ok(performance.now() - began >= 299);
});

test('a POST is made once, unless it may be repeated', async () => {
  answer(stream('data: 1\n\n'));
  assert.deepEqual(await data(fetchEventSource(url, { ...FAST, method: 'POST', body: 'ask' })), ['1']);
  assert.equal(requests.length, 1);

  answer(stream('data: 1\n\ndata: cut'));
  const { error } = await failing(fetchEventSource(url, { ...FAST, method: 'POST', body: 'ask' }));
  assert.deepEqual([error.reason, error.giveUp, error.droppedLength], ['ended', 'notRepeatable', 9]);

  answer(stream('data: 1\n\ndata: cut'), stream('data: 2\n\n'), status(204));
  const options = { ...FAST, method: 'POST', repeatRequest: true, body: ({ number }) => `ask ${number}` };
  assert.deepEqual(await data(fetchEventSource(url, options)), ['1', '2']);
  // After a stream that ended in good order there is nothing left to ask for.
  assert.deepEqual(requests.map(({ method, body }) => [method, body]), [['POST', 'ask 0'], ['POST', 'ask 0']]);
});

test('a status that says "not now" is tried again where that is wanted, after Retry-After', async () => {
  answer(status(503, { 'retry-after': '1' }));
  let { error } = await failing(fetchEventSource(url, FAST));
  assert.deepEqual([error.reason, error.status, requests.length], ['status', 503, 1]);
  assert.equal(await error.response.text(), 'why');

  for (const value of ['60', new Date(Date.now() + 61_000).toUTCString()]) {
    answer(status(429, { 'retry-after': value }));
    const controller = new AbortController();
    const lost = [];
    ({ error } = await failing(fetchEventSource(url, {
      ...FAST, retryStatuses: true, signal: controller.signal, onLost: (why) => { lost.push(why); controller.abort('seen'); },
    })));
    assert.equal(error, 'seen');
    assert.ok(lost[0].waitMs >= 59_000 && lost[0].waitMs < 100_000, `${value}: ${lost[0].waitMs}`);
    assert.match(lost[0].message, /answered 429.*trying again in/);
  }
});

test('the body of an answer that is tried again is dropped', async () => {
  let closed;
  answer((response) => { closed = response.closed_; response.writeHead(500).write('endless'); }, stream('data: 1\n\n'), status(204));
  const lost = [];
  assert.deepEqual(await data(fetchEventSource(url, { ...FAST, retryStatuses: true, onLost: (why) => lost.push(why) })), ['1']);
  assert.ok(lost[0].response.bodyUsed);
  await closed;
});

test('a server that is not there is asked again as often as allowed', async () => {
  const closed = net.createServer().listen(0, '127.0.0.1');
  await once(closed, 'listening');
  const { port } = closed.address();
  closed.close();
  const lost = [];
  const source = fetchEventSource(`http://127.0.0.1:${port}/`, { ...FAST, attemptsMax: 3, onLost: ({ reason }) => lost.push(reason) });
  const { error } = await failing(source);
  assert.deepEqual([lost, error.reason, error.giveUp], [Array(2).fill('unreachable'), 'unreachable', 'attemptsExhausted']);
  assert.match(error.message, /there was no response; giving up: as many attempts/);
  assert.ok(error.cause instanceof TypeError);
});

test('a request that cannot be made is not tried again', async () => {
  for (const [target, options] of [['/relative', {}], [url, { headers: { 'bad name': 'x' } }], [url, { method: 'GET', body: 'x' }]]) {
    const { error } = await failing(fetchEventSource(target, { ...FAST, ...options }));
    assert.deepEqual([error.reason, error.giveUp], ['unusable', 'failed']);
    assert.ok(error.cause instanceof TypeError);
  }
  await assert.rejects(fetchEventSource(url, { attemptsMax: 'x' }).next(), { name: 'TypeError', message: /^attemptsMax/ });
});

test('a connection that breaks is made again', async () => {
  const breaking = (response) => {
    response.writeHead(200, STREAM).write('id: 5\ndata: 1\n\ndata: cu');
    setTimeout(() => response.destroy(), 20);
  };
  answer(breaking, stream('data: 2\n\n'), status(204));
  const lost = [];
  const seen = await data(fetchEventSource(url, { ...FAST, onLost: ({ reason, droppedLength }) => lost.push([reason, droppedLength]) }));
  assert.deepEqual([seen, lost], [['1', '2'], [['broken', 8], ['ended', 0]]]);
  assert.equal(requests[1].headers['last-event-id'], '5');
});

test('a signal ends it wherever it stands', async () => {
  const reason = new Error('enough');
  const aborted = async (options, when) => {
    const controller = new AbortController();
    const waiting = failing(fetchEventSource(url, { ...FAST, ...options, signal: controller.signal }));
    await when();
    controller.abort(reason);
    assert.equal((await waiting).error, reason);
  };
  // Before the head.
  let closed;
  answer((response) => { closed = response.closed_; });
  await aborted({ responseTimeoutMs: Infinity }, () => until('a request', () => requests.length === 1));
  await closed;
  // Within the body.
  answer((response) => { closed = response.closed_; response.writeHead(200, STREAM).write(': \n'); });
  await aborted({}, () => until('a request', () => requests.length === 1));
  await closed;
  // Between two attempts.
  answer(stream('data: 1\n\n'));
  let isWaiting = false;
  await aborted({ reconnectionTimeMs: 3_600_000, onLost: () => { isWaiting = true; } }, () => until('an end', () => isWaiting));
  // Before all.
  answer(stream('data: 1\n\n'));
  await assert.rejects(fetchEventSource(url, { signal: AbortSignal.abort(reason) }).next(), reason);
  assert.equal(requests.length, 0);
});

test('leaving the loop closes the connection', async () => {
  let closed;
  answer((response) => { closed = response.closed_; response.writeHead(200, STREAM).write('data: 1\n\n'); });
  for await (const event of fetchEventSource(url, FAST)) {
    assert.equal(event.data, '1');
    break;
  }
  await closed;
  assert.equal(requests.length, 1);
});

test('a server that is silent for too long is left, a consumer that is slow is not', async () => {
  let closed;
  answer((response) => { closed = response.closed_; });
  let { error } = await failing(fetchEventSource(url, { ...FAST, responseTimeoutMs: 50, attemptsMax: 0 }));
  assert.deepEqual([error.reason, error.giveUp], ['responseTimeout', 'attemptsExhausted']);
  await closed;

  answer((response) => { closed = response.closed_; response.writeHead(200, STREAM).write('data: 1\n\nda'); });
  ({ error } = await failing(fetchEventSource(url, { ...FAST, idleTimeoutMs: 50, reconnect: false })));
  assert.deepEqual([error.reason, error.droppedLength, error.giveUp], ['idle', 2, 'once']);
  await closed;
  ({ error } = await failing(events(await fetch(url), { idleTimeoutMs: 50 })));
  assert.equal(error.reason, 'idle');
  await closed;

  // The server goes on a moment after the consumer, which takes longer than a server may.
  let goOn;
  answer((response) => {
    response.writeHead(200, STREAM).write('data: 1\n\n');
    goOn = () => setTimeout(() => response.end('data: 2\n\n'), 50);
  }, status(204));
  const seen = [];
  for await (const event of fetchEventSource(url, { ...FAST, idleTimeoutMs: 500 })) {
    await sleep(700);
    seen.push(event.data);
    goOn();
  }
  assert.deepEqual(seen, ['1', '2']);
});

test('an error of the consumer is the consumer\'s, and ends all', async () => {
  const mine = new Error('mine');
  const fail = () => { throw mine; };
  let closed;
  for (const options of [{ onOpen: fail }, { onComment: fail }, { headers: fail }]) {
    closed = undefined;
    answer((response) => { closed = response.closed_; response.writeHead(200, STREAM).write(': hi\n\n'); });
    await assert.rejects(fetchEventSource(url, { ...FAST, ...options }).next(), mine);
    await closed;
  }
});

test('another fetch can make the requests', async () => {
  const asked = [];
  const mock = async (request) => {
    asked.push([request.method, request.url, await request.text()]);
    return asked.length === 1 ? new Response('data: 1\n\ndata: cut', { headers: STREAM }) : new Response(null, { status: 204 });
  };
  const options = { ...FAST, fetch: mock, method: 'PUT', body: 'x', repeatRequest: true };
  assert.deepEqual(await data(fetchEventSource('http://nowhere.invalid/', options)), ['1']);
  assert.deepEqual(asked, Array(2).fill(['PUT', 'http://nowhere.invalid/', 'x']));
});
