// The frame codec: the examples of RFC 6455, frames of all kinds both ways at every cut, bad frames.

import assert from 'node:assert/strict';
import test from 'node:test';

import { tidings } from './package.mjs';

const { FrameDecoder, FrameError, closePayload, encodeFrame, parseClosePayload } = tidings;
const hex = (bytes) => Buffer.from(bytes).toString('hex');
const unhex = (text) => Uint8Array.from(Buffer.from(text.replaceAll(' ', ''), 'hex'));
const numbered = (length) => Uint8Array.from({ length }, (_, i) => i * 31 + (i >> 8));

/** Whole frames, their parts joined. */
function join(parts) {
  const frames = [];
  for (const { isFirst, isLast, payload, ...header } of parts) {
    if (isFirst) frames.push({ header, payload: [], isOpen: true });
    const frame = frames.at(-1);
    assert.ok(frame.isOpen);
    assert.deepEqual(header, frame.header);
    frame.payload.push(payload);
    frame.isOpen = !isLast;
  }
  return frames.map(({ header, payload }) => ({ ...header, payload: Buffer.concat(payload) }));
}

function decode(pieces, options) {
  const decoder = new FrameDecoder(options);
  const frames = join(pieces.flatMap((piece) => decoder.push(piece)));
  assert.ok(decoder.isBetweenFrames);
  decoder.free();
  return frames;
}

/** Decodes whole, byte by byte, and at each cut but those deep in a long payload. */
function* everyCut(stream) {
  yield [stream];
  if (stream.length < 2000) yield Array.from(stream, (byte) => Uint8Array.of(byte));
  for (let cut = 1; cut < stream.length; cut += 1) {
    if (cut > 40 && stream.length - cut > 40) continue;
    yield [stream.subarray(0, cut), stream.subarray(cut)];
  }
}

// RFC 6455, 5.7.
const EXAMPLES = [
  ['81 05 48 65 6c 6c 6f', 'text', 'Hello', {}],
  ['81 85 37 fa 21 3d 7f 9f 4d 51 58', 'text', 'Hello', { maskingKey: unhex('37fa213d') }],
  ['01 03 48 65 6c', 'text', 'Hel', { fin: false }],
  ['80 02 6c 6f', 'continuation', 'lo', {}],
  ['89 05 48 65 6c 6c 6f', 'ping', 'Hello', {}],
  ['8a 85 37 fa 21 3d 7f 9f 4d 51 58', 'pong', 'Hello', { maskingKey: unhex('37fa213d') }],
  [`82 7e 01 00 ${hex(numbered(256))}`, 'binary', numbered(256), {}],
  [`82 7f 00 00 00 00 00 01 00 00 ${hex(numbered(65536))}`, 'binary', numbered(65536), {}],
];

test('the examples of RFC 6455 hold both ways, at every cut', (t) => {
  for (const [wire, opcode, payload, options] of EXAMPLES) {
    assert.equal(hex(encodeFrame(opcode, payload, options)), wire.replaceAll(' ', ''));
    for (const pieces of everyCut(unhex(wire))) {
      const [frame, ...more] = decode(pieces);
      assert.deepEqual(more, []);
      assert.equal(frame.opcode, opcode);
      assert.equal(frame.fin, options.fin ?? true);
      assert.deepEqual(frame.maskingKey, options.maskingKey);
      assert.equal(hex(frame.payload), hex(Buffer.from(payload)));
    }
  }
  t.diagnostic(`vectors passed: ${EXAMPLES.length}`);
});

test('what is encoded decodes to itself, for all kinds of frames', (t) => {
  let count = 0;
  for (const opcode of ['continuation', 'text', 'binary', 'close', 'ping', 'pong']) {
    const isControl = ['close', 'ping', 'pong'].includes(opcode);
    const lengths = isControl ? [0, 1, 124, 125] : [0, 1, 124, 125, 126, 127, 65535, 65536];
    for (const length of lengths) {
      for (const maskingKey of [undefined, unhex('00000000'), unhex('80ff017f')]) {
        for (const fin of isControl ? [true] : [true, false]) {
          for (const rsv of [0, 1, 2, 5]) {
            const bits = { rsv1: (rsv & 4) !== 0, rsv2: (rsv & 2) !== 0, rsv3: (rsv & 1) !== 0 };
            const payload = numbered(length);
            const wire = encodeFrame(opcode, payload, { fin, maskingKey, ...bits });
            const headerLength = 2 + (length > 65535 ? 8 : length > 125 ? 2 : 0) + (maskingKey ? 4 : 0);
            const [frame, ...more] = decode([wire.subarray(0, 3), wire.subarray(3)], bits);
            assert.deepEqual(more, []);
            assert.deepEqual(frame, {
              opcode, fin, ...bits, maskingKey, headerLength, payloadLength: length, payload: Buffer.from(payload),
            });
            assert.equal(wire.length, headerLength + length);
            count += 1;
          }
        }
      }
    }
  }
  t.diagnostic(`vectors passed: ${count}`);
});

test('a frame is handed on as it comes, and the bytes given are left as they were', () => {
  const decoder = new FrameDecoder();
  const wire = encodeFrame('text', 'Hello', { maskingKey: unhex('37fa213d') });
  const before = hex(wire);
  const [first] = decoder.push(wire.subarray(0, 8));
  assert.deepEqual([Buffer.from(first.payload).toString(), first.payloadLength, first.isFirst, first.isLast], ['He', 5, true, false]);
  assert.ok(!decoder.isBetweenFrames);
  const [second] = decoder.push(wire.subarray(8));
  assert.deepEqual([Buffer.from(second.payload).toString(), second.isFirst, second.isLast], ['llo', false, true]);
  // Nor does a later push change what was handed out.
  decoder.push(encodeFrame('binary', new Uint8Array(100)));
  assert.equal(Buffer.from(first.payload).toString(), 'He');
  assert.equal(hex(wire), before);
});

const BAD = [
  ['c1 00', 'reservedBits', 1002, /reserved bits 100 are set/],
  ['a1 00', 'reservedBits', 1002, /reserved bits 010/],
  ['91 00', 'reservedBits', 1002, /reserved bits 001/],
  ...['3', '4', '5', '6', '7', 'b', 'c', 'd', 'e', 'f'].map((bits) => [
    `8${bits} 00`, 'reservedOpcode', 1002, new RegExp(`opcode 0x${bits.toUpperCase()} is reserved`),
  ]),
  ['08 00', 'fragmentedControl', 1002, /Close frame is fragmented/],
  ['09 00', 'fragmentedControl', 1002, /Ping frame is fragmented/],
  ['0a 80', 'fragmentedControl', 1002, /Pong frame is fragmented/],
  ['88 7e 00 7e', 'oversizedControl', 1002, /Close frame declares more than 125/],
  ['89 fe 00 7e', 'oversizedControl', 1002, /Ping frame/],
  ['8a 7f 00 00 00 00 00 01 00 00', 'oversizedControl', 1002, /Pong frame/],
  ['82 7e 00 7d', 'nonMinimalLength', 1002, /length 125 is not in its shortest form/],
  ['82 7f 00 00 00 00 00 00 ff ff', 'nonMinimalLength', 1002, /length 65535/],
  ['82 7f 80 00 00 00 00 00 00 00', 'lengthTopBit', 1002, /top bit/],
  ['82 7f 00 00 00 00 01 00 00 01', 'payloadTooLong', 1009, /16777217 bytes, the limit is 16777216/],
  ['82 ff 7f ff ff ff ff ff ff ff 00 00 00 00', 'payloadTooLong', 1009, /9223372036854775807 bytes/],
];

test('each bad frame is refused with its rule, code and place, at every cut', (t) => {
  const good = encodeFrame('text', 'before');
  for (const [wire, fault, closeCode, message] of BAD) {
    const stream = Buffer.concat([good, unhex(wire)]);
    for (const pieces of everyCut(stream)) {
      const decoder = new FrameDecoder();
      const parts = [];
      let error;
      for (const piece of pieces) {
        try {
          parts.push(...decoder.push(piece));
        } catch (thrown) {
          error = thrown;
          parts.push(...error.parts);
          break;
        }
      }
      assert.ok(error instanceof FrameError && error instanceof Error, wire);
      assert.deepEqual([error.name, error.fault, error.closeCode, error.frameOffset], ['FrameError', fault, closeCode, good.length], wire);
      assert.match(error.message, message);
      assert.equal(Buffer.concat(parts.map(({ payload }) => payload)).toString(), 'before', wire);
      // The stream is lost for good.
      assert.throws(() => decoder.push(good), { fault, frameOffset: good.length, parts: [] });
      decoder.free();
    }
  }
  t.diagnostic(`vectors passed: ${BAD.length}`);
});

test('a limit holds to the byte, before any payload', () => {
  const header = (length) => encodeFrame('binary', new Uint8Array(length)).subarray(0, 4);
  const decoder = () => new FrameDecoder({ payloadLengthMax: 1000 });
  assert.equal(decoder().push(header(1000))[0].payloadLength, 1000);
  assert.throws(() => decoder().push(header(1001)), { fault: 'payloadTooLong', frameOffset: 0 });
});

test('the payload of a Close frame is a code and a reason, both ways', () => {
  for (const [code, reason] of [[1000, ''], [1001, 'leaving'], [3000, '電書は便り'], [4999, 'r'.repeat(123)]]) {
    const payload = closePayload(code, reason);
    assert.deepEqual([payload[0] * 256 + payload[1], Buffer.from(payload.subarray(2)).toString()], [code, reason]);
    assert.deepEqual(parseClosePayload(payload), { code, reason });
  }
  assert.deepEqual(parseClosePayload(closePayload(1000)), { code: 1000, reason: '' });
  assert.equal(parseClosePayload(new Uint8Array()), undefined);
  for (const [payload, fault, closeCode] of [
    ['03', 'cutCloseCode', 1002],
    ['03ed', 'illegalCloseCode', 1002],
    ['0000', 'illegalCloseCode', 1002],
    ['03e8c328', 'closeReasonNotUtf8', 1007],
  ]) {
    assert.throws(() => parseClosePayload(unhex(payload)), { name: 'FrameError', fault, closeCode });
  }
  assert.throws(() => parseClosePayload(new Uint8Array(126)), { name: 'RangeError', message: /125 bytes/ });
  for (const code of [0, 999, 1004, 1005, 1006, 1015, 2999, 5000, -1, 1000.5, NaN]) {
    assert.throws(() => closePayload(code), { name: 'RangeError', message: /must be one that may be sent/ }, String(code));
  }
  assert.throws(() => closePayload(1000, 'é'.repeat(62)), { name: 'RangeError', message: /124 bytes of UTF-8/ });
  assert.throws(() => closePayload(1000, 5), { name: 'TypeError', message: 'reason must be a string, not a number' });
});

test('what cannot be sent is refused with its name', () => {
  for (const [make, name, message] of [
    [() => encodeFrame(), 'TypeError', /^opcode must be a string, not undefined$/],
    [() => encodeFrame('Text'), 'RangeError', /^an opcode is one of .*, not Text$/],
    [() => encodeFrame('ping', new Uint8Array(126)), 'RangeError', /at most 125 bytes .*got 126/],
    [() => encodeFrame('ping', '', { fin: false }), 'RangeError', /always final/],
    [() => encodeFrame('text', 5), 'TypeError', /^payload must be .* not a number$/],
    [() => encodeFrame('text', null), 'TypeError', /^payload must be .* not null$/],
    [() => encodeFrame('text', '', { maskingKey: new Uint8Array(3) }), 'RangeError', /^maskingKey must have 4 bytes, not 3/],
    [() => encodeFrame('text', '', { maskingKey: 5 }), 'TypeError', /^maskingKey must be a Uint8Array/],
    [() => encodeFrame('text', '', { fin: 1 }), 'TypeError', /^fin must be true or false/],
    [() => new FrameDecoder({ payloadLengthMax: -1 }), 'RangeError', /^payloadLengthMax/],
    [() => new FrameDecoder().push('81 00'), 'TypeError', /^chunk must be/],
  ]) {
    assert.throws(make, { name, message }, String(make));
  }
  assert.equal(hex(encodeFrame('ping')), '8900');
});
