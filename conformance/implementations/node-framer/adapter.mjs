// Lets pyproctest drive the framer, as conformance/ADAPTERS.md says.

import readline from "node:readline";
import { Framer, FrameError } from "./framer.mjs";

class StreamError extends Error {}

async function decode(request) {
  const stream = source(request);
  const framer = new Framer(stream, null, optionsOf(request));
  const reads = [];
  for (let after = 0; after <= (request.again ?? 0) && reads.length < 10000;) {
    const read = await framer.read().then(outcomeOf, outcomeOf);
    reads.push(stream.waiting ? { kind: "waiting" } : read);
    if (stream.waiting) break;
    if (after > 0 || read.kind !== "frame") after++;
  }
  return { reads };
}

/** A stream that brings the chunks of the request, and then what "then" says. */
function source({ chunks, then }) {
  let next = 0;
  return {
    waiting: false,
    [Symbol.asyncIterator]() {
      return this;
    },
    async next() {
      if (next < chunks.length) return { done: false, value: Buffer.from(chunks[next++], "hex") };
      if (then === "eof") return { done: true };
      this.waiting = then === "open";
      throw new StreamError("the stream failed");
    },
  };
}

async function encode(request) {
  const { frames, writers = 1 } = request;
  const stream = sink(request);
  const framer = new Framer(source({ chunks: [], then: "eof" }), stream, optionsOf(request));
  const results = [];
  const writer = async (first) => {
    for (let i = first; i < frames.length; i += writers) {
      const frame = { id: BigInt(frames[i].id), payload: Buffer.from(frames[i].payload, "hex") };
      results[i] = await framer.write(frame).then(() => ({ kind: "ok" }), outcomeOf);
    }
  };
  await Promise.all(Array.from({ length: writers }, (_, i) => writer(i)));
  return { writes: stream.writes, results };
}

/** A stream that takes so many bytes. Other writers get a turn after each write. */
function sink({ accept = Infinity }) {
  const writes = [];
  const list = (bytes) => writes.push(bytes.toString("hex"));
  return {
    writes,
    write(bytes, callback) {
      list(bytes);
      const fails = bytes.length > accept;
      accept = fails ? Infinity : accept - bytes.length;
      setImmediate(() => callback(fails ? new StreamError("the stream failed") : null));
    },
  };
}

/** Writes or reads frames in a loop and times it, for pyproctest bench. */
async function measure({ what, framing, size, count }) {
  if (what !== "encode" && what !== "decode") return { refused: `measure cannot ${what}` };
  const payload = Buffer.alloc(size, "x");
  const none = source({ chunks: [], then: "eof" });
  const one = sink({});
  await new Framer(none, one, { framing }).write({ id: 7n, payload });
  const frame = Buffer.from(one.writes.join(""), "hex");
  const block = Buffer.concat(Array(Math.ceil(32768 / frame.length)).fill(frame));
  const everything = { write: (_bytes, callback) => callback(null) };
  const framer = new Framer(endless(block), everything, { framing });
  const id = framing === "basic" ? 0n : 7n;
  const began = process.hrtime.bigint();
  for (let i = 0; i < count; i++) {
    if (what === "encode") {
      await framer.write({ id: 7n, payload });
      continue;
    }
    const read = await framer.read();
    if (read.id !== id || read.payload.length !== size) throw new Error("another frame was read");
  }
  return { took_ns: Number(process.hrtime.bigint() - began) };
}

async function* endless(block) {
  while (true) yield block;
}

function optionsOf({ framing, max_payload: maxPayload }) {
  return { framing, maxPayload };
}

function outcomeOf(value) {
  if (value === null) return { kind: "eof" };
  if (value instanceof FrameError) return { kind: value.kind, text: value.message };
  if (value instanceof StreamError) return { kind: "io", text: value.message };
  if (value instanceof Error) return { kind: "other", text: String(value) };
  return { kind: "frame", id: String(value.id), payload: value.payload.toString("hex") };
}

const commands = new Map(
  Object.entries({ hello: () => ({ role: "framer", name: "node-framer" }), decode, encode, measure }),
);

for await (const line of readline.createInterface({ input: process.stdin })) {
  const request = JSON.parse(line);
  const run = commands.get(request.do) ?? (() => ({ refused: `unknown command ${request.do}` }));
  const answer = await Promise.resolve(request)
    .then(run)
    .catch((e) => ({ failed: String(e) }));
  process.stdout.write(`${JSON.stringify({ tag: request.tag, ...answer })}\n`);
}
