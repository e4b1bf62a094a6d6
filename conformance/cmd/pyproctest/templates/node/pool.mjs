// Adapter between the conformance suite and your pool.
//
// Fill in the class Pool and run
//
//     pyproctest run --pool 'node pool.mjs'
//
// A part that is not written yet is reported as not offered, never as right. The rest of the file
// implements conformance/ADAPTERS.md; you need not change it. Each process of this program has one
// pool.

import { createInterface } from "node:readline";

class NotWritten extends Error {}
class Unsupported extends Error {} // your pool does not offer an option

// --- Yours --------------------------------------------------------------------------------------

const NAME = "my pool";

// The options that your pool ignores, such as "restart_backoff_ms". ADAPTERS.md says which may be.
const IGNORED = [];

// The limit for a payload, in bytes, of a pool in which it cannot be set; else 0.
const FIXED_MAX_PAYLOAD = 0;

// Your pool. The signal of a method is aborted when the context of that call ends, which may be before
// it begins; let the method fail then, with signal.reason or an error of your own that errorKinds names.
// The signal of start may be aborted after start is done: the workers must run on then.
class Pool {
  // Make your pool and start nothing. Start each worker as options.program with the one argument
  // options.argument, and add options.env, a list of "NAME=value", to its environment. ADAPTERS.md
  // lists the other options. If an option is absent, use your default. Throw Unsupported for an
  // option that your pool does not offer.
  constructor(options) {
    throw new NotWritten("the constructor of Pool");
  }

  // Start the workers. It may be called again after it has failed.
  async start(signal) {
    throw new NotWritten("Pool.start");
  }

  // Call a method in some worker. Bodies are JSON texts, since JSON.parse changes large numbers;
  // undefined means no body.
  async call(method, body, signal) {
    throw new NotWritten("Pool.call");
  }

  // Return { total, healthy, restarts, last_check_ms }, the last a Unix time in ms (0: no check yet).
  health() {
    throw new NotWritten("Pool.health");
  }

  // Refuse new calls, let running ones finish, then stop the workers.
  async shutdown(signal) {
    throw new NotWritten("Pool.shutdown");
  }
}

// Name an error of your pool by all that apply: canceled, deadline_exceeded, busy, closed, not_started,
// too_large, error_answer, worker_died and, beside another, may_have_run.
function errorKinds(error) {
  if (error.name === "AbortError") return ["canceled"];
  if (error.name === "TimeoutError") return ["deadline_exceeded"];
  return [];
}

// --- The adapter protocol -----------------------------------------------------------------------

let pool;
const running = new Map(); // tag → AbortController

function open(options) {
  try {
    pool = new Pool(options);
    return { ok: true, knows_ended: true, ignored: IGNORED, max_payload: FIXED_MAX_PAYLOAD };
  } catch (error) {
    if (error instanceof NotWritten) return { unsupported: `${error.message} in pool.mjs is not written yet` };
    if (error instanceof Unsupported) return { unsupported: error.message };
    return { failed: `the pool could not be made: ${error}` };
  }
}

// The reason of an aborted signal, as AbortController and AbortSignal.timeout give it.
function because(why) {
  const name = why === "deadline_exceeded" ? "TimeoutError" : "AbortError";
  return new DOMException("the context of the call has ended", name);
}

async function run(request) {
  if (!pool) return { failed: "the pool is not open" };
  const abort = new AbortController();
  running.set(request.tag, abort);
  if (request.ended) abort.abort(because(request.ended));
  try {
    switch (request.do) {
      case "start": await pool.start(abort.signal); return { ok: true };
      case "shutdown": await pool.shutdown(abort.signal); return { ok: true };
      case "call": return { body: (await pool.call(request.method, request.body, abort.signal)) ?? "" };
      default: return pool.health();
    }
  } catch (error) {
    if (error instanceof NotWritten) return { unsupported: `${error.message} in pool.mjs is not written yet` };
    return { error: { kinds: errorKinds(error), text: String(error) } };
  } finally {
    if (request.do !== "start") running.delete(request.tag);
  }
}

// measure makes calls in a loop and times it, for pyproctest bench.
async function measure({ method, body, count, callers }) {
  if (!pool) return { failed: "the pool is not open" };
  const { signal } = new AbortController();
  const each = [];
  let left = count;
  const call = async () => {
    while (left-- > 0) {
      const began = process.hrtime.bigint();
      const answer = await pool.call(method, body, signal);
      if (callers === 1) each.push(Number(process.hrtime.bigint() - began));
      if (method === "echo" && answer.length !== body.length) throw new Error("echo gave another body back");
    }
  };
  try {
    const began = process.hrtime.bigint();
    await Promise.all(Array.from({ length: callers }, call));
    const took_ns = Number(process.hrtime.bigint() - began);
    return callers === 1 ? { took_ns, each_ns: each } : { took_ns };
  } catch (error) {
    if (error instanceof NotWritten) return { unsupported: `${error.message} in pool.mjs is not written yet` };
    return { error: { kinds: errorKinds(error), text: String(error) } };
  }
}

function answer(request) {
  switch (request.do) {
    case "hello": return { role: "pool", name: NAME };
    case "open": return open(request.options);
    case "cancel": running.get(request.of)?.abort(because(request.why)); return { ok: true };
    case "start": case "call": case "health": case "shutdown": return run(request);
    case "measure": return measure(request);
    default: return { refused: `unknown command ${request.do}` };
  }
}

createInterface({ input: process.stdin, crlfDelay: Infinity }).on("line", async (line) => {
  const request = JSON.parse(line);
  process.stdout.write(JSON.stringify({ tag: request.tag, ...(await answer(request)) }) + "\n");
}).on("close", () => process.exit());
