// Event streams of `fetch`. When to ask, what to make of an answer, and what the bytes mean is
// decided by the machine in the module; this file has the requests, the clock and the timers.

import { EventSourceMachine } from './tidings_wasm.js';
import { EventStreamError } from './values.js';

/** The events of a response, as they come. */
export async function* events(response, options = {}) {
  options.signal?.throwIfAborted();
  const client = new Client({ ...options, reconnect: false, responseTimeoutMs: Infinity });
  try {
    if (response.bodyUsed) throw new TypeError('the body of the response was read already');
    client.machine.pollAttempt(client.now());
    const lost = client.check(response) ?? (yield* client.read(response, false));
    if (lost.isFailure) throw lost;
  } finally {
    client.machine.free();
  }
}

/** The events of a source that is asked again whenever its stream is lost. */
export async function* fetchEventSource(url, options = {}) {
  const client = new Client(options);
  const { machine } = client;
  const { signal, onLost } = options;
  try {
    for (;;) {
      signal?.throwIfAborted();
      const attempt = machine.pollAttempt(client.now());
      if (attempt === undefined) {
        await sleep(machine.pollTimeout() - client.now(), signal);
        continue;
      }
      const lost = yield* client.attempt(url, attempt);
      if (lost.waitMs === undefined) {
        if (lost.isFailure) throw lost;
        return;
      }
      lost.response?.body?.cancel().catch(ignore);
      onLost?.(lost);
    }
  } finally {
    machine.free();
  }
}

class Client {
  /** How long the consumer has had events, in all. */
  #held = 0;

  constructor(options) {
    this.options = options;
    const reportComments = options.reportComments ?? options.onComment !== undefined;
    this.machine = new EventSourceMachine({ ...options, reportComments });
  }

  /** The machine's clock. It stands still while the consumer has an event: that is not the server's silence. */
  now() {
    return performance.now() - this.#held;
  }

  /** One request, and the stream that it may open; returns how it came to its end. */
  async* attempt(url, attempt) {
    const { machine, options } = this;
    const { signal, fetch = globalThis.fetch, onOpen } = options;
    const [headersGiven, body] = [await valueOf(options.headers, attempt), await valueOf(options.body, attempt)];
    signal?.throwIfAborted();
    const controller = new AbortController();
    let request;
    try {
      const headers = new Headers(headersGiven);
      if (!headers.has('Accept')) headers.set('Accept', attempt.accept);
      if (attempt.lastEventId !== undefined) headers.set('Last-Event-ID', attempt.lastEventId);
      // WHATWG HTML 9.2.2 has the request pass by caches.
      request = new Request(url, { cache: 'no-store', ...options, headers, body, signal: controller.signal });
    } catch (cause) {
      return this.end('unusable', cause);
    }

    let late;
    const stopTimer = this.watch((lost) => { late = lost; controller.abort(lost); });
    const abort = () => controller.abort(signal.reason);
    signal?.addEventListener('abort', abort);
    let response;
    try {
      response = await fetch(request);
    } catch (cause) {
      signal?.throwIfAborted();
      return late ?? this.end('unreachable', cause);
    } finally {
      stopTimer();
      signal?.removeEventListener('abort', abort);
    }
    if (late !== undefined) return late;

    const lost = this.check(response);
    if (lost !== undefined) return lost;
    try {
      onOpen?.(response);
    } catch (error) {
      response.body?.cancel().catch(ignore);
      throw error;
    }
    return yield* this.read(response, true);
  }

  /** Why the response is not an event stream; `undefined` if it is one. */
  check(response) {
    const { status, headers } = response;
    const contentType = headers.get('Content-Type') ?? undefined;
    const retryAfter = headers.get('Retry-After') ?? undefined;
    const lost = this.machine.handleResponse(this.now(), status, contentType, retryAfter, Date.now(), Math.random());
    if (lost !== undefined) lost.response = response;
    return lost;
  }

  /** The events of a body; returns how it came to its end. The request is ours, or the caller's. */
  async* read(response, isOurs) {
    if (response.body === null) return this.end('endOfBody');
    const { machine, options: { signal } } = this;
    const reader = response.body.getReader();
    // A read under way ends then, as if the body did.
    const cancel = () => { reader.cancel(signal?.reason).catch(ignore); };
    signal?.addEventListener('abort', cancel);
    try {
      for (;;) {
        signal?.throwIfAborted();
        let late;
        let read;
        const stopTimer = this.watch((lost) => { late = lost; cancel(); });
        try {
          read = await reader.read();
        } catch (cause) {
          signal?.throwIfAborted();
          if (late !== undefined) return late;
          // Network errors of Fetch are TypeErrors; what else comes is why the caller aborted.
          if (!isOurs && cause?.name !== 'TypeError') throw cause;
          return this.end('broken', cause);
        } finally {
          stopTimer();
        }
        signal?.throwIfAborted();
        if (late !== undefined) return late;
        if (read.done) return this.end('endOfBody');
        yield* this.deliver(machine.receive(this.now(), read.value));
      }
    } finally {
      signal?.removeEventListener('abort', cancel);
      cancel();
      reader.releaseLock();
    }
  }

  /** Hands on what the stream says. */
  async* deliver(items) {
    const { signal, onComment, onOverflow } = this.options;
    for (const item of items) {
      switch (item.kind) {
        case 'retry':
          break; // the machine has it
        case 'comment':
          onComment?.(item.text);
          break;
        case 'overflow':
          if (onOverflow === undefined) throw overflowError(item);
          onOverflow(item);
          break;
        default: {
          signal?.throwIfAborted();
          const since = performance.now();
          yield item;
          this.#held += performance.now() - since;
        }
      }
    }
  }

  end(end, cause) {
    const lost = this.machine.handleEnd(this.now(), end, Math.random());
    if (cause !== undefined) lost.cause = cause;
    return lost;
  }

  /** Calls `late` once the machine's deadline has passed, unless it is stopped before. */
  watch(late) {
    let timer;
    const arm = () => {
      const deadline = this.machine.pollTimeout();
      if (deadline === undefined) return;
      timer = setTimeout(() => {
        const lost = this.machine.handleTimeout(this.now(), Math.random());
        // Timers are early at times, and the longest is shorter than the longest deadline.
        if (lost === undefined) arm();
        else late(lost);
      }, timerMs(deadline - this.now()));
    };
    arm();
    return () => clearTimeout(timer);
  }
}

function overflowError({ message, limit, lengthMax }) {
  const fields = { reason: 'overflow', limit, lengthMax, droppedLength: 0, isFailure: true };
  return new EventStreamError(message, fields);
}

/** A value, or what a function gives for this attempt. */
const valueOf = (value, attempt) => (typeof value === 'function' ? value(attempt) : value);

/** Sleeps for this long, or until the signal. */
function sleep(ms, signal) {
  return new Promise((resolve) => {
    const wake = () => {
      clearTimeout(timer);
      signal?.removeEventListener('abort', wake);
      resolve();
    };
    const timer = setTimeout(wake, timerMs(ms));
    signal?.addEventListener('abort', wake);
  });
}

/** What a timer can take: up to 2^31 - 1 ms. */
const timerMs = (ms) => Math.min(Math.max(Math.ceil(ms), 0), 0x7fff_ffff);

const ignore = () => {};
