import type { FramePart } from "./tidings_wasm.js";

/** There is no event stream, or no longer one. */
export class EventStreamError extends Error {
    name: "EventStreamError";
    /**
     * The reason. `ended`: the body ended cleanly, `broken`: the connection broke within it, `idle`:
     * the server was silent for too long, `unreachable`: there was no response, `unusable`: the
     * request cannot be made, `overflow`: an event is over a limit, and there is no `onOverflow`.
     */
    reason:
        | "unreachable"
        | "responseTimeout"
        | "status"
        | "contentType"
        | "tooManyRedirects"
        | "unusable"
        | "ended"
        | "broken"
        | "idle"
        | "noAttempt"
        | "overflow";
    /** The status of the response, if that is the reason. */
    status: number | undefined;
    /** Bytes of an unfinished event that were discarded; 0: the stream was between two events. */
    droppedLength: number;
    /** The time until the next attempt, in milliseconds; `undefined`: there is none. */
    waitMs: number | undefined;
    /** Why there is no next attempt. */
    giveUp: "failed" | "attemptsExhausted" | "notRepeatable" | "once" | "closed" | undefined;
    /** Whether something went wrong: not for an end between two events, and not for status 204. */
    isFailure: boolean;
    /** The response, if it is not an event stream. Its body is unread where this error is thrown. */
    response?: Response;
    /** The error that `fetch` or the body threw. */
    cause?: unknown;
}

/** The peer broke a rule of RFC 6455. */
export class FrameError extends Error {
    name: "FrameError";
    /** Which rule. */
    fault:
        | "reservedBits"
        | "reservedOpcode"
        | "fragmentedControl"
        | "oversizedControl"
        | "nonMinimalLength"
        | "lengthTopBit"
        | "payloadTooLong"
        | "cutCloseCode"
        | "illegalCloseCode"
        | "closeReasonNotUtf8";
    /** The code to close the connection with. */
    closeCode: number;
    /** Where the frame begins, in bytes from the start of the stream; for a decoder's errors. */
    frameOffset: number | undefined;
    /** The parts of frames that were decoded before, from the same bytes. */
    parts: FramePart[];
}
