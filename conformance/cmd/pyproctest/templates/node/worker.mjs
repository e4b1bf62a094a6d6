// A worker for conformance runs: your worker library with the methods that the suite calls [WRK-21].
//
// Fill in serve() and run
//
//     pyproctest run --worker 'node worker.mjs'

import { setTimeout } from "node:timers/promises";

// --- Yours --------------------------------------------------------------------------------------

// Listen on the Unix socket at path and serve these methods, and health, until SIGTERM. Use only your
// library for this, since the suite tests it. What a method returns is the body of the answer; what it
// throws is the error of the answer.
function serve(path, methods) {
  console.error("worker.mjs: serve() is not written yet");
  process.exit(1);
}

// --- The methods --------------------------------------------------------------------------------

let running = 0;

// A method gets the body of the request, and an AbortSignal that is aborted when the request is
// cancelled [CAN-5].
const methods = {
  echo: (body) => body,
  fail: (body) => { throw new Error(body.message); },
  sleep: async (body, signal) => { await setTimeout(body.ms, null, { signal }); return null; },
  pid: () => process.pid,
  blob: (body) => "x".repeat(body.size),
  unserializable: () => { const itself = {}; itself.itself = itself; return itself; },
  exit: (body) => process.exit(body.code),
};

// counted counts the running calls of a method, for inflight.
function counted(method) {
  return async (body, signal) => {
    running++;
    try {
      return await method(body, signal);
    } finally {
      running--;
    }
  };
}

for (const name of Object.keys(methods)) methods[name] = counted(methods[name]);
methods.inflight = () => running;

const path = process.env.PYPROC_SOCKET_PATH;
if (!path) {
  console.error("worker.mjs: PYPROC_SOCKET_PATH is not set [WRK-3]");
  process.exit(1);
}
serve(path, methods);
