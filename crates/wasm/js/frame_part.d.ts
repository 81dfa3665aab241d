/** The opcodes of RFC 6455, 5.2. */
export type Opcode = "continuation" | "text" | "binary" | "close" | "ping" | "pong";

export interface FrameDecoderOptions {
    /** The longest payload that a frame may declare, in bytes; 16 MiB. */
    payloadLengthMax?: number;
    /** Reserved bits that a negotiated extension has given a meaning. */
    rsv1?: boolean;
    rsv2?: boolean;
    rsv3?: boolean;
}

/** A piece of one frame. */
export interface FramePart {
    opcode: Opcode;
    /** Whether the frame is the last of its message. */
    fin: boolean;
    rsv1: boolean;
    rsv2: boolean;
    rsv3: boolean;
    /** Four bytes, if the frame is masked. */
    maskingKey: Uint8Array | undefined;
    /** The length of the frame's header, in bytes. */
    headerLength: number;
    /** The length of the frame's whole payload, in bytes, as the header declares it. */
    payloadLength: number;
    /** The next bytes of the payload, unmasked. */
    payload: Uint8Array;
    /** Whether this part begins the frame. */
    isFirst: boolean;
    /** Whether this part ends the frame. */
    isLast: boolean;
}

export interface EncodeOptions {
    /** Whether the frame is the last of its message; `true`. */
    fin?: boolean;
    /** Four bytes from `crypto.getRandomValues`: a client's frames are masked, a server's not. */
    maskingKey?: Uint8Array | ArrayBuffer;
    rsv1?: boolean;
    rsv2?: boolean;
    rsv3?: boolean;
}
