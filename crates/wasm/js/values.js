// What the module makes and reads in JavaScript. `tidings_wasm.js` imports this file.

const encoder = new TextEncoder();

// ------------------------------------------------------------------------ what is handed in

/** The bytes of a typed array, a DataView or a buffer. */
export function bytes(value, name) {
  if (value instanceof Uint8Array) return value;
  if (ArrayBuffer.isView(value)) return new Uint8Array(value.buffer, value.byteOffset, value.byteLength);
  // Of another realm, such as another frame of the page, it is an ArrayBuffer all the same.
  const kind = Object.prototype.toString.call(value);
  if (kind === '[object ArrayBuffer]' || kind === '[object SharedArrayBuffer]') return new Uint8Array(value);
  throw new TypeError(`${name} must be a Uint8Array or an ArrayBuffer, not ${nameOf(value)}`);
}

/** As `bytes`, or the UTF-8 of a string. */
export function bytesOrText(value, name) {
  if (typeof value === 'string') return encoder.encode(value);
  if (typeof value === 'object' && value !== null) return bytes(value, name);
  throw new TypeError(`${name} must be a Uint8Array, an ArrayBuffer or a string, not ${nameOf(value)}`);
}

export function string(value, name) {
  if (typeof value === 'string') return value;
  throw new TypeError(`${name} must be a string, not ${nameOf(value)}`);
}

/** A member that is a length, a count or a time. */
export function wholeNumber(options, name) {
  const value = member(options, name);
  if (value === undefined) return undefined;
  if (typeof value !== 'number') throw new TypeError(`${name} must be a number, not ${nameOf(value)}`);
  if (value >= 0 && (Number.isInteger(value) || value === Infinity)) return value;
  throw new RangeError(`${name} must be a whole number from 0 up, or Infinity, not ${value}`);
}

export function flag(options, name) {
  const value = member(options, name);
  if (value === undefined || typeof value === 'boolean') return value;
  throw new TypeError(`${name} must be true or false, not ${nameOf(value)}`);
}

export function text(options, name) {
  const value = member(options, name);
  return value === undefined ? undefined : string(value, name);
}

export function bytesOf(options, name) {
  const value = member(options, name);
  return value === undefined ? undefined : bytes(value, name);
}

/** `undefined` where there are no options, or not this one. */
function member(options, name) {
  if (options === undefined || options === null) return undefined;
  if (typeof options !== 'object') throw new TypeError(`options must be an object, not ${nameOf(options)}`);
  return options[name] ?? undefined;
}

function nameOf(value) {
  if (value === null || value === undefined) return String(value);
  if (typeof value !== 'object') return `a ${typeof value}`;
  return `a value of type ${value.constructor?.name ?? 'Object'}`;
}

export const rangeError = (message) => new RangeError(message);

// ------------------------------------------------------------------------ event streams

export function addEvent(items, type, data, lastEventId) {
  items.push({ kind: 'event', type, data, lastEventId });
}

export function addDataChunk(items, data) {
  items.push({ kind: 'dataChunk', data });
}

export function addEventEnd(items, type, lastEventId) {
  items.push({ kind: 'eventEnd', type, lastEventId });
}

export function addComment(items, text) {
  items.push({ kind: 'comment', text });
}

export function addRetry(items, timeMs) {
  items.push({ kind: 'retry', timeMs });
}

export function addOverflow(items, limit, lengthMax, message) {
  items.push({ kind: 'overflow', limit, lengthMax, message });
}

export const newAttempt = (number, accept, lastEventId) => ({ number, accept, lastEventId });

/** There is no event stream, or no longer one. */
export class EventStreamError extends Error {
  static {
    this.prototype.name = 'EventStreamError';
  }

  constructor(message, fields) {
    super(message);
    Object.assign(this, fields);
  }
}

export function eventStreamError(message, reason, status, droppedLength, waitMs, giveUp, isFailure) {
  return new EventStreamError(message, { reason, status, droppedLength, waitMs, giveUp, isFailure });
}

// ------------------------------------------------------------------------ frames

export function addPart(parts, opcode, firstByte, isFirst, isLast, maskingKey, headerLength, payloadLength, payload) {
  parts.push({
    opcode,
    // RFC 6455, 5.2.
    fin: (firstByte & 0x80) !== 0,
    rsv1: (firstByte & 0x40) !== 0,
    rsv2: (firstByte & 0x20) !== 0,
    rsv3: (firstByte & 0x10) !== 0,
    maskingKey: maskingKey === undefined ? undefined : bigEndian(maskingKey),
    headerLength,
    payloadLength,
    // What is given is a view of the module's memory, which goes on to change.
    payload: payload.slice(),
    isFirst,
    isLast,
  });
}

const bigEndian = (number) => Uint8Array.of(number >>> 24, number >>> 16, number >>> 8, number);

/** The peer broke a rule of RFC 6455. */
export class FrameError extends Error {
  static {
    this.prototype.name = 'FrameError';
  }

  constructor(message, fields) {
    super(message);
    Object.assign(this, fields);
  }
}

export function frameError(message, fault, closeCode, frameOffset, parts) {
  return new FrameError(message, { fault, closeCode, frameOffset, parts });
}

export const closeFrame = (code, reason) => ({ code, reason });
