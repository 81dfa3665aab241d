import type { EventStreamError } from "./values.js";

/** What an event stream may bring, in bytes, and what is told of it. */
export interface StreamOptions {
    /** The longest line, unless it is ignored as an unasked-for comment is; 1 MiB. */
    lineLengthMax?: number;
    /** The longest data of one event; 1 MiB. */
    dataLengthMax?: number;
    /** The longest event type; 256 bytes. */
    eventTypeLengthMax?: number;
    /** The longest event ID; 1 KiB. */
    lastEventIdLengthMax?: number;
    /** The longest comment, where comments are reported; 1 KiB. */
    commentLengthMax?: number;
    /** Report comments, for example as a sign of life. */
    reportComments?: boolean;
    /** Report data as it arrives, in pieces, instead of whole events. */
    reportDataChunks?: boolean;
    /** The last event ID to begin with, where the stream continues an earlier one. */
    lastEventId?: string;
}

/** An event. */
export interface StreamEvent {
    kind: "event";
    /** The event type, `message` if the stream named none. */
    type: string;
    /** The data, lines joined with LF. */
    data: string;
    /** The last event ID at this event; empty if there is none. */
    lastEventId: string;
}

/** What an event stream says. */
export type StreamItem =
    | StreamEvent
    /** A piece of the data of the open event; with `reportDataChunks`. */
    | { kind: "dataChunk"; data: string }
    /** The event whose data came in pieces is complete. */
    | { kind: "eventEnd"; type: string; lastEventId: string }
    /** A comment; with `reportComments`. */
    | { kind: "comment"; text: string }
    /** The server set the reconnection time. */
    | { kind: "retry"; timeMs: number }
    /** A limit was exceeded, and the event that did so is skipped; for `comment` the comment. */
    | {
          kind: "overflow";
          limit: "line" | "data" | "eventType" | "lastEventId" | "comment";
          lengthMax: number;
          message: string;
      };

/** How a client behaves. Without options: as the standard says, and browsers do. Times in ms. */
export interface EventSourceOptions extends StreamOptions {
    /** The method of the request; `GET`. Others but `HEAD` are not repeated, see `repeatRequest`. */
    method?: string;
    /**
     * Whether the request may be made again; by default a `GET` and a `HEAD` may. Another method is
     * not made again after a stream that ended in good order, and is after 429 and 503 with
     * `Retry-After`.
     */
    repeatRequest?: boolean;
    /** Whether there is another attempt after a failure or an end; `true`. */
    reconnect?: boolean;
    /**
     * Try again after status 408, 425, 429 and 5xx, which say "not now"; `false`. After 429 and 503
     * without `Retry-After` it waits for 5 to 30 s at least.
     */
    retryStatuses?: boolean;
    /** Give up after this many failed attempts in a row; no limit. 1 makes one attempt. */
    attemptsMax?: number;
    /** The reconnection time until the server sets another one; 3 s. */
    reconnectionTimeMs?: number;
    /** The least that `retry` can set; 100 ms. */
    retryMsMin?: number;
    /** The most that `retry` can set; 1 h. */
    retryMsMax?: number;
    /** The longest random wait on top of the reconnection time; 60 s. */
    waitMsMax?: number;
    /** The most that `Retry-After` can ask for; 1 h. */
    retryAfterMsMax?: number;
    /** How long the head of a response may take; 30 s. */
    responseTimeoutMs?: number;
    /** How long an open stream may be silent; no limit. */
    idleTimeoutMs?: number;
}

/** A request to make. */
export interface Attempt {
    /** Which attempt it is since the last success, or since the beginning; 0 is the first. */
    number: number;
    /** The value of its `Accept` header. */
    accept: string;
    /** The value of its `Last-Event-ID` header, one character for each byte; none if `undefined`. */
    lastEventId: string | undefined;
}
