// The event stream decoder: the vectors of crates/sse at every cut, its options, and its limits.

import assert from 'node:assert/strict';
import fs from 'node:fs';
import test from 'node:test';

import { memory, tidings } from './package.mjs';

const { EventStreamDecoder } = tidings;
const vectors = JSON.parse(fs.readFileSync(new URL('../../crates/sse/tests/data/event-stream-vectors.json', import.meta.url)));
const bytes = (text) => new TextEncoder().encode(text);

const memoryAtFirst = memory.buffer.byteLength;

/** What a stream comes to that arrives in these pieces. */
function decode(pieces, options) {
  const decoder = new EventStreamDecoder(options);
  const items = pieces.flatMap((piece) => decoder.push(piece));
  decoder.finish();
  const outcome = { items, lastEventId: decoder.lastEventId, retry: decoder.reconnectionTimeMs };
  decoder.free();
  return outcome;
}

function check(vector, pieces, how) {
  const { items, lastEventId, retry } = decode(pieces);
  const expected = vector.expected.map(({ event, data, id }) => ({ kind: 'event', type: event, data, lastEventId: id }));
  assert.deepEqual(items.filter(({ kind }) => kind === 'event'), expected, `${vector.name}, ${how}`);
  assert.equal(lastEventId, vector.last_event_id, `${vector.name}, ${how}`);
  assert.equal(retry ?? null, vector.retry, `${vector.name}, ${how}`);
}

test('every vector holds whole, byte by byte, and at every cut', (t) => {
  for (const vector of vectors) {
    const stream = Buffer.from(vector.input_hex, 'hex');
    check(vector, [stream], 'whole');
    check(vector, Array.from(stream, (byte) => Uint8Array.of(byte)), 'byte by byte');
    // The one long vector is a run of one letter: its ends are what matters.
    const isLong = stream.length > 4096;
    for (let cut = 0; cut <= stream.length; cut += 1) {
      if (isLong && Math.min(cut, stream.length - cut) > 32) continue;
      check(vector, [stream.subarray(0, cut), stream.subarray(cut)], `cut at ${cut}`);
    }
  }
  assert.equal(vectors.length, 96);
  t.diagnostic(`vectors passed: ${vectors.length}`);
});

test('an event comes at the byte that ends its blank line', () => {
  for (const end of ['\n\n', '\r\r', '\r\n\r\n', '\n\r', '\r\n\n']) {
    const decoder = new EventStreamDecoder();
    const stream = bytes(`data: now${end}`);
    // CR LF as a blank line: the CR ends it already.
    const last = end === '\r\n\r\n' ? stream.length - 1 : stream.length;
    assert.deepEqual(decoder.push(stream.subarray(0, last - 1)), [], JSON.stringify(end));
    assert.equal(decoder.push(stream.subarray(last - 1, last)).length, 1, JSON.stringify(end));
  }
});

test('comments, retry and data in parts are reported where they stand', () => {
  const stream = bytes(': one\nretry: 1500\ndata: a\n:two\n\n: three\n');
  assert.deepEqual(decode([stream], { reportComments: true }).items, [
    { kind: 'comment', text: 'one' },
    { kind: 'retry', timeMs: 1500 },
    { kind: 'comment', text: 'two' },
    { kind: 'event', type: 'message', data: 'a', lastEventId: '' },
    { kind: 'comment', text: 'three' },
  ]);
  assert.deepEqual(decode([stream]).items.map(({ kind }) => kind), ['retry', 'event']);

  const parts = decode([bytes('id: 7\ndata: once upo'), bytes('n\ndata: a time\n\n')], { reportDataChunks: true }).items;
  assert.deepEqual(parts.at(-1), { kind: 'eventEnd', type: 'message', lastEventId: '7' });
  assert.equal(parts.slice(0, -1).map(({ data }) => data).join(''), 'once upon\na time');
});

test('each limit holds to the byte, costs one event, and is named', () => {
  const cases = [
    ['lineLengthMax', 'line', (text) => `data: ${text}\n\n`, 6],
    ['dataLengthMax', 'data', (text) => `data: ${text}\n\n`, 0],
    ['eventTypeLengthMax', 'eventType', (text) => `event: ${text}\ndata\n\n`, 0],
    ['lastEventIdLengthMax', 'lastEventId', (text) => `id: ${text}\ndata\n\n`, 0],
    ['commentLengthMax', 'comment', (text) => `: ${text}\ndata\n\n`, 0],
  ];
  for (const [option, limit, stream, more] of cases) {
    const options = { [option]: 40 + more, reportComments: true };
    const kinds = (length) => decode([bytes(stream('é'.repeat(length / 2))), bytes('data: next\n\n')], options).items;
    assert.ok(kinds(40).every(({ kind }) => kind !== 'overflow'), option);
    const over = kinds(42);
    assert.deepEqual(
      over[0],
      { kind: 'overflow', limit, lengthMax: 40 + more, message: over[0].message },
      option,
    );
    assert.match(over[0].message, new RegExp(`limit of ${40 + more} bytes`));
    assert.equal(over.at(-1).data, 'next');
  }
  const data = 'x'.repeat(3 << 20);
  assert.equal(decode([bytes(`data: ${data}\n\n`)]).items[0].kind, 'overflow');
  const unlimited = { dataLengthMax: Infinity, lineLengthMax: Infinity };
  assert.equal(decode([bytes(`data: ${data}\n\n`)], unlimited).items[0].data, data);
});

test('the last event ID continues over streams, and tells how a stream ended', () => {
  const decoder = new EventStreamDecoder({ lastEventId: 'é1' });
  assert.equal(decoder.lastEventId, 'é1');
  decoder.push(bytes('data: a\n\ndata: cut'));
  assert.equal(decoder.finish(), 9);
  assert.equal(decoder.push(bytes('data: b\n\n'))[0].lastEventId, 'é1');
  assert.equal(decoder.finish(), 0);
  assert.equal(decoder.reconnectionTimeMs, undefined);
});

test('bytes of all kinds are taken, and left as they were', () => {
  const stream = bytes('data: a\n\n');
  const shared = new SharedArrayBuffer(stream.length);
  new Uint8Array(shared).set(stream);
  const padded = new Uint8Array(stream.length + 8);
  padded.set(stream, 3);
  for (const given of [
    stream,
    Buffer.from(stream),
    stream.buffer.slice(0),
    new DataView(padded.buffer, 3, stream.length),
    padded.subarray(3, 3 + stream.length),
    new Uint8Array(shared),
    shared,
  ]) {
    assert.deepEqual(decode([given]).items, [{ kind: 'event', type: 'message', data: 'a', lastEventId: '' }]);
  }
  assert.deepEqual(stream, bytes('data: a\n\n'));
});

test('what cannot be used is refused with its name, and changes nothing', () => {
  const decoder = new EventStreamDecoder();
  decoder.push(bytes('data: a'));
  for (const chunk of ['text', null, undefined, 5, [1, 2], {}, new Blob([])]) {
    assert.throws(() => decoder.push(chunk), { name: 'TypeError', message: /^chunk must be a Uint8Array or an ArrayBuffer, not / });
  }
  assert.equal(decoder.push(bytes('\n\n'))[0].data, 'a');
  for (const [options, name, message] of [
    [{ dataLengthMax: -1 }, 'RangeError', /^dataLengthMax must be a whole number from 0 up, or Infinity, not -1$/],
    [{ dataLengthMax: 1.5 }, 'RangeError', /^dataLengthMax .*not 1.5$/],
    [{ lineLengthMax: NaN }, 'RangeError', /^lineLengthMax .*not NaN$/],
    [{ lineLengthMax: '5' }, 'TypeError', /^lineLengthMax must be a number, not a string$/],
    [{ commentLengthMax: 5n }, 'TypeError', /^commentLengthMax must be a number, not a bigint$/],
    [{ reportComments: 1 }, 'TypeError', /^reportComments must be true or false, not a number$/],
    [{ lastEventId: 7 }, 'TypeError', /^lastEventId must be a string, not a number$/],
    [{ lastEventId: 'a\nb' }, 'RangeError', /^lastEventId cannot be used: .*line break at byte 1/],
    [{ lastEventId: 'a\0' }, 'RangeError', /^lastEventId cannot be used: .*NUL at byte 1/],
    [{ lastEventId: 'x'.repeat(1025) }, 'RangeError', /^lastEventId cannot be used: .*1024 bytes$/],
    ['text', 'TypeError', /^options must be an object, not a string$/],
  ]) {
    assert.throws(() => new EventStreamDecoder(options), { name, message }, JSON.stringify(options, (_, value) => String(value)));
  }
  assert.doesNotThrow(() => new EventStreamDecoder({ dataLengthMax: undefined, lineLengthMax: null }));
  assert.doesNotThrow(() => new EventStreamDecoder(null));
});

test('memory of a large stream is used again, and decoders are freed', (t) => {
  const event = bytes(`data: ${'x'.repeat(100_000)}\n\n`);
  const run = () => {
    for (let count = 0; count < 50; count += 1) {
      const decoder = new EventStreamDecoder();
      assert.equal(decoder.push(event.subarray(0, 60_000)).length, 0);
      assert.equal(decoder.push(event.subarray(60_000)).length, 1);
      for (let left = 0; left < 20; left += 1) assert.throws(() => decoder.push(0));
      decoder.free();
    }
  };
  run();
  const before = memory.buffer.byteLength;
  for (let count = 0; count < 10; count += 1) run();
  assert.equal(memory.buffer.byteLength, before);
  t.diagnostic(`bytes of memory: ${memoryAtFirst}`);
});
