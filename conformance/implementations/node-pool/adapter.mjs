// Lets pyproctest drive the pool, as conformance/ADAPTERS.md says.

import readline from "node:readline";
import { parse, stringify } from "../node-worker/json.mjs";
import { Pool, PoolError } from "./pool.mjs";

let pool;
const contexts = new Map(); // tag of a request to its AbortController

function open({ options }) {
  pool = new Pool({
    command: [options.program, options.argument],
    env: Object.fromEntries((options.env ?? []).map(variable)),
    socketDir: options.socket_dir,
    framing: options.framing,
    workers: options.workers,
    maxInFlight: options.max_in_flight,
    maxPayload: options.max_payload,
    queue: options.queue,
    startTimeoutMs: options.start_timeout_ms,
    healthIntervalMs: options.health_interval_ms,
    healthTimeoutMs: options.health_timeout_ms,
    restartBackoffMs: options.restart_backoff_ms,
    restartBackoffMaxMs: options.restart_backoff_max_ms,
    stopTimeoutMs: options.stop_timeout_ms,
  });
  return { ok: true, knows_ended: true };
}

function variable(text) {
  const at = text.indexOf("=");
  return [text.slice(0, at), text.slice(at + 1)];
}

function health() {
  const { total, healthy, restarts, lastCheck } = pool.health();
  return { total, healthy, restarts, last_check_ms: lastCheck?.getTime() ?? 0 };
}

async function call({ method, body }, signal) {
  return { body: stringify(await pool.call(method, body && parse(body), { signal })) };
}

// Runs a command whose context may end; that of a start may end later, too.
function bounded(command) {
  return async (request) => {
    const context = new AbortController();
    contexts.set(request.tag, context);
    if (request.ended) context.abort(reason(request.ended));
    try {
      return (await command(request, context.signal)) ?? { ok: true };
    } finally {
      if (request.do !== "start") contexts.delete(request.tag);
    }
  };
}

function cancel({ of, why }) {
  contexts.get(of)?.abort(reason(why));
  return { ok: true };
}

function reason(why) {
  const name = why === "canceled" ? "AbortError" : "TimeoutError";
  return new DOMException(`the context of the request ended: ${why}`, name);
}

function kindsOf(error) {
  if (error.name === "AbortError") return ["canceled"];
  if (error.name === "TimeoutError") return ["deadline_exceeded"];
  if (!(error instanceof PoolError) || error.kind === "start_failed") return [];
  return error.mayHaveRun ? [error.kind, "may_have_run"] : [error.kind];
}

const commands = new Map(
  Object.entries({
    hello: () => ({ role: "pool", name: "node-pool" }),
    open,
    cancel,
    health,
    call: bounded(call),
    start: bounded((_, signal) => pool.start({ signal })),
    shutdown: bounded((_, signal) => pool.shutdown({ signal })),
  }),
);

readline.createInterface({ input: process.stdin }).on("line", async (line) => {
  const request = JSON.parse(line);
  const run = commands.get(request.do) ?? (() => ({ refused: `unknown command ${request.do}` }));
  const answer = await Promise.resolve(request)
    .then(run)
    .catch((error) => ({ error: { kinds: kindsOf(error), text: String(error) } }));
  process.stdout.write(`${JSON.stringify({ tag: request.tag, ...answer })}\n`);
});
process.stdin.on("end", () => process.exit());
