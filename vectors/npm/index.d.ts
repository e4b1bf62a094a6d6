/** Names why a receiver refuses a stream. */
export type ErrorKind = "bad_magic" | "bad_length" | "too_large" | "truncated" | "bad_crc";
export type Framing = "enhanced" | "basic";
export type Receiver = "worker" | "pool";
export type Outcome = "request" | "cancellation" | "error_answer" | "ignored" | "response" | "unreadable" | "violation";

/** A frame that a receiver hands out. In the basic framing the ID is 0. */
export interface Frame {
  id: bigint;
  payload: Uint8Array;
}

/** A stream that ends after its last byte, and what a receiver reads from it. */
export interface FrameVector {
  tcId: string;
  comment: string;
  clause: string;
  flags: string[];
  framing: Framing;
  maxPayload: number;
  bytes: Uint8Array;
  /** What is handed out, before the error if there is one. */
  frames: Frame[];
  /** Absent where the stream ends cleanly. */
  error?: ErrorKind;
  /** The number of bytes after which the error must be known. */
  decidedAt?: number;
}

/** The payload of one frame, and what its receiver must take it for. */
export interface MessageVector {
  tcId: string;
  comment: string;
  clause: string;
  flags: string[];
  receiver: Receiver;
  framings: Framing[];
  headerId: bigint;
  bytes: Uint8Array;
  /** The payload where it is UTF-8. */
  text?: string;
  outcome: Outcome;
  envelope?: boolean;
  id?: bigint;
  method?: string;
  ok?: boolean;
  /** JSON text. */
  body?: string;
  errorText?: string;
  reason?: string;
  answerIds?: Record<Framing, bigint[]>;
}

/** All vectors of one version. */
export interface Vectors {
  /** "major.minor" */
  version: string;
  enhanced: FrameVector[];
  basic: FrameVector[];
  streams: FrameVector[];
  messages: MessageVector[];
  /** The vectors of frames of all three files. */
  frames(): FrameVector[];
}

/** Which vectors a version brought: their names, by clause. */
export interface Version {
  version: string;
  added: Record<string, string[]>;
  changed: Record<string, string[]>;
  removed: Record<string, string[]>;
}

/** All vectors of this package. */
export function load(): Vectors;
/** Every version of the vectors, the newest last. */
export function history(): Version[];
/** The JSON Schema of the files. */
export function schema(): object;
