// Adapter between the conformance suite and your framer.
//
// Fill in the part under "Yours" and run
//
//     pyproctest run --framer 'node framer.mjs'
//
// A part that is not written yet is reported as not offered, never as right. The rest of the file
// implements conformance/ADAPTERS.md; you need not change it.

import { createInterface } from "node:readline";
import { Duplex } from "node:stream";

class NotWritten extends Error {}

// --- Yours --------------------------------------------------------------------------------------

const NAME = "my framer";

// Make your framer over a Duplex stream. framing is "enhanced" or "basic"; maxPayload is in bytes,
// and undefined asks for your default.
function openFramer(stream, framing, maxPayload) {
  throw new NotWritten("openFramer");
}

// Read the next frame: { id: BigInt, payload: Buffer }, with id 0n in the basic framing, and null at
// a clean end. Do not catch your framer's errors: errorKind names them.
async function readFrame(framer) {
  throw new NotWritten("readFrame");
}

// Write one frame. The promise resolves when the stream has taken all of it.
async function writeFrame(framer, id, payload) {
  throw new NotWritten("writeFrame");
}

// Name an error of your framer: bad_magic, bad_length, too_large, truncated, bad_crc or other.
function errorKind(error) {
  return "other";
}

// --- The adapter protocol -----------------------------------------------------------------------

class StreamError extends Error {}

// The stream that your framer reads from and writes to.
class Wire extends Duplex {
  constructor(request) {
    super({ readableHighWaterMark: 0, decodeStrings: true });
    this.chunks = (request.chunks ?? []).map((chunk) => Buffer.from(chunk, "hex")).filter((chunk) => chunk.length > 0);
    this.after = request.then ?? "eof";
    this.accept = request.accept;
    this.writes = [];
    this.waiting = new Promise((resolve) => { this.wait = resolve; });
    this.on("error", () => {}); // the framer gets the error; nobody else needs it
  }

  _read() {
    if (this.chunks.length > 0) this.push(this.chunks.shift());
    else if (this.after === "eof") this.push(null);
    else if (this.after === "error") this.destroy(new StreamError("the stream fails"));
    else setImmediate(() => setImmediate(this.wait)); // the framer reads what was pushed first
  }

  _write(data, _encoding, done) {
    this.writes.push(data);
    const fails = this.accept !== undefined && (this.accept -= data.length) < 0;
    if (fails) this.accept = undefined;
    // Later, so that frames of several writes mix unless the framer prevents it.
    setImmediate(() => done(fails ? new StreamError("the stream takes no more") : null));
  }
}

const WAITING = Symbol("waiting");

function outcome(error) {
  if (error instanceof NotWritten) throw error;
  let kind = errorKind(error);
  for (let cause = error; kind === "other" && cause; cause = cause.cause) {
    if (cause instanceof StreamError) kind = "io";
  }
  return { kind, text: String(error) };
}

async function readOnce(framer, wire) {
  try {
    const frame = await Promise.race([readFrame(framer), wire.waiting.then(() => WAITING)]);
    if (frame === WAITING) return { kind: "waiting" };
    if (frame === null) return { kind: "eof" };
    return { kind: "frame", id: String(frame.id), payload: Buffer.from(frame.payload).toString("hex") };
  } catch (error) {
    return outcome(error);
  }
}

async function decode(request) {
  const wire = new Wire(request);
  const framer = openFramer(wire, request.framing, request.max_payload);
  const reads = [await readOnce(framer, wire)];
  while (reads.at(-1).kind === "frame" && reads.length < 10000) reads.push(await readOnce(framer, wire));
  for (let i = 0; i < (request.again ?? 0) && reads.at(-1).kind !== "waiting"; i++) {
    reads.push(await readOnce(framer, wire));
  }
  return { reads };
}

async function encode(request) {
  const wire = new Wire(request);
  const framer = openFramer(wire, request.framing, request.max_payload);
  const writers = request.writers ?? 1;
  const results = [];
  const write = async (first) => {
    for (let i = first; i < request.frames.length; i += writers) {
      const { id, payload } = request.frames[i];
      try {
        await writeFrame(framer, BigInt(id), Buffer.from(payload, "hex"));
        results[i] = { kind: "ok" };
      } catch (error) {
        results[i] = outcome(error);
      }
    }
  };
  await Promise.all(Array.from({ length: writers }, (_, i) => write(i)));
  return { writes: wire.writes.map((data) => data.toString("hex")), results };
}

// A stream that takes everything, and on which a frame comes again and again.
class Endless extends Duplex {
  constructor(frame) {
    super();
    this.block = Buffer.concat(Array(Math.ceil(32768 / frame.length)).fill(frame));
  }

  _read() {
    this.push(this.block);
  }

  _write(_data, _encoding, done) {
    done();
  }
}

// measure writes or reads frames in a loop and times it, for pyproctest bench.
async function measure({ what, framing, size, count }) {
  if (what !== "encode" && what !== "decode") return { refused: `measure cannot ${what}` };
  const payload = Buffer.alloc(size, "x");
  const one = new Wire({});
  await writeFrame(openFramer(one, framing), 7n, payload);
  const stream = new Endless(Buffer.concat(one.writes));
  const framer = openFramer(stream, framing);
  const began = process.hrtime.bigint();
  for (let i = 0; i < count; i++) {
    if (what === "encode") {
      await writeFrame(framer, 7n, payload);
      continue;
    }
    const frame = await readFrame(framer);
    if (frame.payload.length !== size || frame.id !== (framing === "basic" ? 0n : 7n)) return { failed: "another frame was read than is on the stream" };
  }
  const took = process.hrtime.bigint() - began;
  stream.destroy();
  return { took_ns: Number(took) };
}

async function answer(request) {
  try {
    switch (request.do) {
      case "hello": return { role: "framer", name: NAME };
      case "decode": return await decode(request);
      case "encode": return await encode(request);
      case "measure": return await measure(request);
      default: return { refused: `unknown command ${request.do}` };
    }
  } catch (error) {
    if (error instanceof NotWritten) return { unsupported: `${error.message} in framer.mjs is not written yet` };
    throw error;
  }
}

for await (const line of createInterface({ input: process.stdin, crlfDelay: Infinity })) {
  const request = JSON.parse(line);
  process.stdout.write(JSON.stringify({ tag: request.tag, ...(await answer(request)) }) + "\n");
}
