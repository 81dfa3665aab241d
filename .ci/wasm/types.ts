// What TypeScript must accept and refuse. It is checked, never run.

import {
  EventSourceMachine, EventStreamDecoder, EventStreamError, FrameDecoder, FrameError,
  closePayload, encodeFrame, events, fetchEventSource, parseClosePayload,
} from 'tidings-wasm';
import type { FramePart, Opcode, StreamEvent, StreamItem } from 'tidings-wasm';
import { initSync, initialize } from 'tidings-wasm/manual';

export async function streams(response: Response, signal: AbortSignal): Promise<void> {
  for await (const event of events(response, { signal, dataLengthMax: 5, onOverflow: ({ lengthMax }) => lengthMax.toFixed() })) {
    const { data }: StreamEvent = event;
    data.trim();
  }
  for await (const item of events(response, { reportDataChunks: true })) {
    if (item.kind === 'dataChunk') item.data.trim();
    else item.lastEventId.trim();
  }
  const source = fetchEventSource(new URL('https://example.com/'), {
    method: 'POST',
    credentials: 'include',
    headers: async () => ({ authorization: 'x' }),
    body: ({ number }) => number.toFixed(),
    onLost: ({ waitMs }) => waitMs?.toFixed(),
  });
  try {
    for await (const { type, data, lastEventId } of source) (type + data + lastEventId).trim();
  } catch (error) {
    if (error instanceof EventStreamError && error.reason === 'status') {
      error.status?.toFixed();
      await error.response?.text();
    }
  }
  // @ts-expect-error: an option that does not exist
  fetchEventSource('/', { idleTimeout: 5 });
  // @ts-expect-error: no response
  events('/');
}

export function decoders(): void {
  const items: StreamItem[] = new EventStreamDecoder({ reportComments: true }).push(new Uint8Array());
  for (const item of items) {
    if (item.kind === 'overflow') {
      const limit: 'line' | 'data' | 'eventType' | 'lastEventId' | 'comment' = item.limit;
      limit.trim();
    }
  }
  // @ts-expect-error: an option that does not exist
  new EventStreamDecoder({ dataLenMax: 5 });
  // @ts-expect-error: no bytes
  new EventStreamDecoder().push('text');

  const machine = new EventSourceMachine({ attemptsMax: 3 });
  machine.pollAttempt(0)?.accept.trim();
  machine.handleEnd(0, 'broken', 0).message.trim();
  // @ts-expect-error: no such end
  machine.handleEnd(0, 'other', 0);
}

export function frames(): void {
  const parts: FramePart[] = new FrameDecoder({ payloadLengthMax: 5, rsv1: true }).push(new ArrayBuffer(5));
  const opcode: Opcode | undefined = parts[0]?.opcode;
  opcode?.trim();
  const maskingKey = crypto.getRandomValues(new Uint8Array(4));
  const wire: Uint8Array = encodeFrame('text', 'x', { maskingKey, fin: false });
  wire.at(0);
  parseClosePayload(closePayload(1000))?.code.toFixed();
  // @ts-expect-error: no opcode
  encodeFrame('Text');
  const fault: FrameError['fault'] = 'reservedBits';
  fault.trim();
}

export async function manual(module: WebAssembly.Module): Promise<void> {
  initSync({ module });
  await initialize({ module_or_path: '/tidings_wasm_bg.wasm' });
}
