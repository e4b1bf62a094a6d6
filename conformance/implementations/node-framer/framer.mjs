// A framer for the PyProc protocol: frames to bytes, bytes to frames, in both framings.
// Names in brackets are the clauses of SPEC.md.

const DEFAULT_LIMIT = 10485760; // [FRM-13]

/** An error of a framer; `kind` is one of the names that SPEC.md gives. */
export class FrameError extends Error {
  constructor(kind, text) {
    super(`${kind}: ${text}`);
    this.name = "FrameError";
    this.kind = kind;
  }
}

/** The bytes of one frame. `id` is a BigInt, and of no account in the basic framing. */
export function encode({ id, payload }, { framing = "enhanced", maxPayload = DEFAULT_LIMIT } = {}) {
  refuseOver(maxPayload, payload.length);
  const { size } = headerOf(framing);
  const bytes = Buffer.allocUnsafe(size + payload.length);
  if (framing === "basic") {
    bytes.writeUInt32BE(payload.length, 0);
  } else {
    bytes.write("PY", 0, "latin1");
    bytes.writeUInt32BE(size + payload.length, 2); // [FRM-2]
    bytes.writeBigUInt64BE(id, 6);
    bytes.writeUInt32BE(crc32c(payload), 14);
  }
  bytes.set(payload, size);
  return bytes;
}

/**
 * Makes frames of bytes, as they come: push() what arrived, then take frames with next() until it
 * gives null. Nothing is set aside for a payload but the chunks that were pushed [FRM-11].
 */
export class Decoder {
  #header; // size and parse() of the framing
  #maxPayload;
  #chunks = [];
  #size = 0; // bytes in #chunks
  #frame = null; // the header of the frame whose payload is awaited
  #failure = null;
  ended = false;

  constructor({ framing = "enhanced", maxPayload = DEFAULT_LIMIT } = {}) {
    this.#header = headerOf(framing);
    this.#maxPayload = maxPayload;
  }

  push(chunk) {
    if (this.#failure || chunk.length === 0) return; // after an error nothing is looked at [STR-3]
    this.#chunks.push(chunk);
    this.#size += chunk.length;
  }

  /** The stream has ended. */
  end() {
    this.ended = true;
  }

  /**
   * The next frame as { id, payload }, or null where it takes more bytes or the stream has ended
   * between frames [STR-1]. The payload shares memory with the chunks. Throws a FrameError, the
   * same one each time [STR-3].
   */
  next() {
    if (this.#failure) throw this.#failure;
    try {
      return this.#next();
    } catch (failure) {
      this.#failure = failure;
      this.#chunks = [];
      throw failure;
    }
  }

  #next() {
    if (!this.#frame) {
      if (this.#size < this.#header.size) return this.#wanting(this.#size > 0);
      this.#frame = this.#header.parse(this.#take(this.#header.size));
      refuseOver(this.#maxPayload, this.#frame.length);
    }
    const { id, length, crc } = this.#frame;
    if (this.#size < length) return this.#wanting(true);
    const payload = this.#take(length);
    this.#frame = null;
    if (crc !== undefined && crc !== crc32c(payload)) {
      throw new FrameError("bad_crc", `the payload under request ID ${id} is damaged`);
    }
    return { id, payload };
  }

  #wanting(inside) {
    if (this.ended && inside) throw new FrameError("truncated", "the stream ended inside a frame");
    return null;
  }

  #take(size) {
    const all = this.#chunks.length === 1 ? this.#chunks[0] : Buffer.concat(this.#chunks);
    this.#chunks = size < all.length ? [all.subarray(size)] : [];
    this.#size -= size;
    return all.subarray(0, size);
  }
}

/**
 * Reads and writes frames. `source` is an async iterable of buffers, and `sink` has the write(bytes,
 * callback) of a Writable: a net.Socket is both. Its "error" events are the caller's.
 */
export class Framer {
  #options;
  #decoder;
  #source;
  #sink;
  #readFailure = null;
  #writeFailure = null;
  #turn = Promise.resolve(); // when the last of the writes so far is over

  constructor(source, sink, options) {
    this.#options = options;
    this.#decoder = new Decoder(options);
    this.#source = source[Symbol.asyncIterator]();
    this.#sink = sink;
  }

  /** The next frame, or null at the end of the stream. One read at a time. */
  async read() {
    for (;;) {
      if (this.#readFailure) throw this.#readFailure;
      const frame = this.#decoder.next();
      if (frame || this.#decoder.ended) return frame;
      try {
        const { done, value } = await this.#source.next();
        if (done) this.#decoder.end();
        else this.#decoder.push(value);
      } catch (failure) {
        this.#readFailure = failure; // a generator that failed would go on with a clean end
      }
    }
  }

  /**
   * Resolves when the frame has left. Writes may overlap and leave one after the other [STR-5]. When
   * one has failed they all do [STR-6], save that a frame over the limit never gets that far [FRM-12].
   */
  async write(frame) {
    const bytes = encode(frame, this.#options);
    const written = this.#turn.then(() => this.#put(bytes));
    this.#turn = written.catch((failure) => (this.#writeFailure = failure));
    return written;
  }

  #put(bytes) {
    if (this.#writeFailure) throw this.#writeFailure;
    return new Promise((resolve, reject) => {
      this.#sink.write(bytes, (failure) => (failure ? reject(failure) : resolve()));
    });
  }
}

// Each error below is found in the header alone [FRM-10], in the order of [FRM-9].
const headers = {
  enhanced: {
    size: 18,
    parse(bytes) {
      if (bytes[0] !== 0x50 || bytes[1] !== 0x59) {
        throw new FrameError("bad_magic", `${bytes.toString("hex", 0, 2)} in place of 5059`);
      }
      const whole = bytes.readUInt32BE(2);
      if (whole < 18) throw new FrameError("bad_length", `${whole}, below the 18 of the header`);
      return { id: bytes.readBigUInt64BE(6), length: whole - 18, crc: bytes.readUInt32BE(14) };
    },
  },
  basic: { size: 4, parse: (bytes) => ({ id: 0n, length: bytes.readUInt32BE(0) }) },
};

function refuseOver(limit, size) {
  if (size > limit) throw new FrameError("too_large", `${size} bytes, over the limit of ${limit}`);
}

function headerOf(framing) {
  if (!Object.hasOwn(headers, framing)) throw new RangeError(`no framing is called ${framing}`);
  return headers[framing];
}

const table = Int32Array.from({ length: 256 }, (_, byte) => {
  for (let bit = 0; bit < 8; bit++) byte = byte & 1 ? (byte >>> 1) ^ 0x82f63b78 : byte >>> 1;
  return byte;
});

/** CRC32C [CRC-1]. */
export function crc32c(bytes) {
  let crc = -1;
  for (let i = 0; i < bytes.length; i++) crc = table[(crc ^ bytes[i]) & 255] ^ (crc >>> 8);
  return ~crc >>> 0;
}
