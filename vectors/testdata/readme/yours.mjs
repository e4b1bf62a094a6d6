// The framer that the JavaScript snippet of README.md imports as the user's own.

export class FrameError extends Error {
  constructor(kind) {
    super(kind);
    this.kind = kind;
  }
}

export function* readFrames(bytes, framing, maxPayload) {
  const enhanced = framing === "enhanced";
  const headerSize = enhanced ? 18 : 4;
  for (let at = 0; at < bytes.length; ) {
    if (bytes.length - at < headerSize) throw new FrameError("truncated");
    if (enhanced && bytes.toString("latin1", at, at + 2) !== "PY") throw new FrameError("bad_magic");
    const size = enhanced ? bytes.readUInt32BE(at + 2) - headerSize : bytes.readUInt32BE(at);
    if (size < 0) throw new FrameError("bad_length");
    if (size > maxPayload) throw new FrameError("too_large");
    const end = at + headerSize + size;
    if (bytes.length < end) throw new FrameError("truncated");
    const payload = bytes.subarray(at + headerSize, end);
    if (enhanced && bytes.readUInt32BE(at + 14) !== crc32c(payload)) throw new FrameError("bad_crc");
    yield { id: enhanced ? bytes.readBigUInt64BE(at + 6) : 0n, payload };
    at = end;
  }
}

function crc32c(bytes) {
  let register = 0xffffffff;
  for (const byte of bytes) {
    register ^= byte;
    for (let bit = 0; bit < 8; bit++) register = (register >>> 1) ^ (register & 1 ? 0x82f63b78 : 0);
  }
  return (register ^ 0xffffffff) >>> 0;
}
