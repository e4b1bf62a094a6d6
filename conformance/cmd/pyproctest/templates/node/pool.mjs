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

// Your pool. When the context of a call ends, the signal of that method is aborted. The method must then
// fail, with any error.
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

// Return all kinds that apply to an error of your pool: busy, closed, not_started, error_answer,
// worker_died and, with another, may_have_run.
function errorKinds(error) {
  return [];
}

// --- The adapter protocol -----------------------------------------------------------------------

let pool;
const running = new Map(); // tag → AbortController

function open(options) {
  try {
    pool = new Pool(options);
    return { ok: true };
  } catch (error) {
    if (error instanceof NotWritten) return { unsupported: `${error.message} in pool.mjs is not written yet` };
    if (error instanceof Unsupported) return { unsupported: error.message };
    return { failed: `the pool could not be made: ${error}` };
  }
}

async function run(request) {
  if (!pool) return { failed: "the pool is not open" };
  const abort = new AbortController();
  running.set(request.tag, abort);
  try {
    switch (request.do) {
      case "start": await pool.start(abort.signal); return { ok: true };
      case "shutdown": await pool.shutdown(abort.signal); return { ok: true };
      case "call": return { body: await pool.call(request.method, request.body, abort.signal) };
      default: return pool.health();
    }
  } catch (error) {
    if (error instanceof NotWritten) return { unsupported: `${error.message} in pool.mjs is not written yet` };
    const kinds = abort.signal.aborted ? [abort.signal.reason] : errorKinds(error);
    return { error: { kinds, text: String(error) } };
  } finally {
    running.delete(request.tag);
  }
}

function answer(request) {
  switch (request.do) {
    case "hello": return { role: "pool", name: NAME };
    case "open": return open(request.options);
    case "cancel": running.get(request.of)?.abort(request.why); return { ok: true };
    case "start": case "call": case "health": case "shutdown": return run(request);
    default: return { refused: `unknown command ${request.do}` };
  }
}

createInterface({ input: process.stdin, crlfDelay: Infinity }).on("line", async (line) => {
  const request = JSON.parse(line);
  process.stdout.write(JSON.stringify({ tag: request.tag, ...(await answer(request)) }) + "\n");
}).on("close", () => process.exit());
