import type { Attempt, EventSourceOptions, StreamEvent, StreamItem, StreamOptions } from "./tidings_wasm.js";
import type { EventStreamError } from "./values.js";

export interface EventsOptions extends StreamOptions {
    /** Ends the iteration with its reason, and cancels the body. */
    signal?: AbortSignal;
    /** A comment came. Without this, comments pass unseen. */
    onComment?: (text: string) => void;
    /** An event over a limit was skipped. Without this, it ends the iteration with an error. */
    onOverflow?: (overflow: Extract<StreamItem, { kind: "overflow" }>) => void;
    /** How long the stream may be silent, in milliseconds; no limit. */
    idleTimeoutMs?: number;
}

type Request = Omit<RequestInit, "method" | "headers" | "body" | "signal">;

export interface FetchEventSourceOptions extends EventSourceOptions, EventsOptions, Request {
    /** Headers of the request, or a function that gives them for each attempt. */
    headers?: HeadersInit | ((attempt: Attempt) => HeadersInit | Promise<HeadersInit>);
    /** The body of the request, or a function that gives it for each attempt. */
    body?: BodyInit | null | ((attempt: Attempt) => BodyInit | null | Promise<BodyInit | null>);
    /** What makes the requests, instead of `globalThis.fetch`. */
    fetch?: (request: globalThis.Request) => Promise<Response>;
    /** A stream is open. */
    onOpen?: (response: Response) => void;
    /** An attempt failed or a stream was lost, and there will be another one in `lost.waitMs`. */
    onLost?: (lost: EventStreamError) => void;
    idleTimeoutMs?: number;
}

/**
 * The events of a response, as they arrive. An event is yielded as soon as its last byte arrives.
 * Leaving the loop cancels the body.
 *
 * Throws an `EventStreamError` if the response is not an event stream, if the connection breaks, and
 * if the body ends within an event.
 *
 * With `reportDataChunks` it yields `dataChunk` and `eventEnd` instead of events.
 */
export function events(
    response: Response,
    options: EventsOptions & { reportDataChunks: true },
): AsyncGenerator<Extract<StreamItem, { kind: "dataChunk" | "eventEnd" }>, void, void>;
export function events(response: Response, options?: EventsOptions): AsyncGenerator<StreamEvent, void, void>;

/**
 * The events of a source that is asked again whenever its stream is lost, as `EventSource` does,
 * but with any method, headers and body.
 *
 * Ends when the server answers 204 and, for a request that is not repeated, when its stream has
 * ended between two events. Throws an `EventStreamError` if it gives up. Leaving the loop, or the
 * signal, ends all.
 */
export function fetchEventSource(
    url: string | URL,
    options: FetchEventSourceOptions & { reportDataChunks: true },
): AsyncGenerator<Extract<StreamItem, { kind: "dataChunk" | "eventEnd" }>, void, void>;
export function fetchEventSource(
    url: string | URL,
    options?: FetchEventSourceOptions,
): AsyncGenerator<StreamEvent, void, void>;
