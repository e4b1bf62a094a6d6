// A pool for the PyProc protocol: starts worker processes and calls methods in them.
// Names in brackets are the clauses of SPEC.md.

import os from "node:os";
import { stringify } from "../node-worker/json.mjs";
import { Worker } from "./worker.mjs";

const defaults = {
  env: {}, // added to the environment of the workers
  socketDir: os.tmpdir(),
  framing: "enhanced",
  workers: os.availableParallelism(),
  maxInFlight: 16, // calls at one worker
  maxPayload: 10485760,
  queue: Infinity, // calls that may wait for a slot
  startTimeoutMs: 10000,
  healthIntervalMs: 5000,
  healthTimeoutMs: 2000,
  restartBackoffMs: 100,
  restartBackoffMaxMs: 30000,
  stopTimeoutMs: 5500, // of a worker, after SIGTERM: a little more than its own grace period
};

/**
 * `kind` is start_failed, not_started, closed, busy, too_large, error_answer or worker_died. Beside
 * the latter and closed, `mayHaveRun` tells whether the request may have reached a handler [HLT-5].
 */
export class PoolError extends Error {
  constructor(kind, text, { mayHaveRun = false, cause } = {}) {
    super(text, { cause });
    this.name = "PoolError";
    this.kind = kind;
    this.mayHaveRun = mayHaveRun;
  }
}

const closed = (mayHaveRun) => new PoolError("closed", "the pool is shut down", { mayHaveRun });

/**
 * `command` is a program and its arguments; the other options are above. Where a method takes a
 * signal, its reason is what the method fails with when it is aborted.
 */
export class Pool {
  #options;
  #state = "new"; // new, starting, running or closed
  #workers = [];
  #turn = 0; // where the search for the next worker begins
  #waiting = new Set(); // calls that have no slot yet, in their order
  #running = new Set(); // calls at the workers
  #lastID = 0n;
  #lastCheck = null;
  #starting = null; // ends a start
  #cut = new AbortController(); // ends the calls that run at shutdown
  #shutdown = null;
  #events = {
    newCall: (method) => this.#newCall(method, null),
    freed: () => this.#dispatch(),
    checked: () => (this.#lastCheck = new Date()), // [HLT-10]
    died: (worker, text) => this.#died(worker, text),
    lost: (error, sent, unsent) => this.#lost(error, sent, unsent),
  };

  constructor(options) {
    const given = Object.entries(options).filter(([, value]) => value !== undefined);
    this.#options = { ...defaults, ...Object.fromEntries(given) };
  }

  /** Starts all workers or none [STA-2]. The signal bounds the start alone [STA-7]. */
  async start({ signal } = {}) {
    signal?.throwIfAborted();
    if (this.#state === "closed") throw closed();
    if (this.#state !== "new") throw new Error("the pool has been started");
    this.#state = "starting";
    this.#starting = new AbortController();
    const end = AbortSignal.any([this.#starting.signal, ...(signal ? [signal] : [])]);
    const ended = new Promise((_, reject) => {
      end.addEventListener("abort", () => reject(end.reason));
    });
    this.#workers = Array.from(
      { length: this.#options.workers },
      (_, index) => new Worker(index, this.#options, this.#events),
    );
    try {
      await Promise.race([Promise.all(this.#workers.map((worker) => worker.start())), ended]);
      end.throwIfAborted();
      this.#state = "running";
    } catch (error) {
      await Promise.all(this.#workers.map((worker) => worker.stop(error)));
      if (this.#state === "starting") this.#state = "new"; // it may be tried again [STA-9]
      throw end.aborted ? error : new PoolError("start_failed", error.message, { cause: error });
    }
  }

  /** Calls a method. Of the body is sent what it is now [MSG-19]. Integers over 2^53 are BigInts. */
  async call(method, body = null, { signal } = {}) {
    signal?.throwIfAborted(); // [CAN-11]
    if (this.#state === "closed") throw closed(); // [SHD-1]
    if (this.#state !== "running") throw new PoolError("not_started", "the pool is not started");
    const call = this.#newCall(method, body);
    const { maxPayload, queue } = this.#options;
    if (call.payload.length > maxPayload) {
      const text = `the request has ${call.payload.length} bytes, over the limit of ${maxPayload}`;
      throw new PoolError("too_large", text); // [MSG-18]
    }
    this.#waiting.add(call);
    this.#dispatch();
    if (!call.connection && this.#waiting.size > queue) {
      this.#waiting.delete(call);
      throw new PoolError("busy", `${queue} calls are waiting already`); // [BPR-6]
    }
    const ended = () => this.#giveUp(call, signal.reason);
    signal?.addEventListener("abort", ended);
    try {
      return await call.promise;
    } finally {
      signal?.removeEventListener("abort", ended);
      this.#running.delete(call);
    }
  }

  /** The state of the workers [HLT-3]; `lastCheck` is a Date, or null before the first check. */
  health() {
    return {
      total: this.#options.workers,
      healthy: this.#workers.filter((worker) => worker.healthy).length,
      restarts: this.#workers.reduce((sum, worker) => sum + worker.restarts, 0),
      lastCheck: this.#lastCheck,
    };
  }

  /**
   * Refuses new calls, lets running ones finish until the signal is aborted, and stops the workers.
   * Resolves when nothing is left, at the latest stopTimeoutMs after that.
   */
  shutdown({ signal } = {}) {
    this.#state = "closed";
    this.#starting?.abort(closed());
    this.#waiting.forEach((call) => call.reject(closed()));
    this.#waiting.clear();
    const cut = () => this.#cut.abort();
    if (signal?.aborted) cut();
    signal?.addEventListener("abort", cut);
    return (this.#shutdown ??= this.#close());
  }

  async #close() {
    const cut = new Promise((resolve) => {
      if (this.#cut.signal.aborted) resolve();
      this.#cut.signal.addEventListener("abort", resolve);
    });
    const running = Array.from(this.#running, (call) => call.promise);
    await Promise.race([Promise.allSettled(running), cut]); // [SHD-2]
    await Promise.all(this.#workers.map((worker) => worker.stop(closed(true))));
  }

  #newCall(method, body) {
    const id = ++this.#lastID; // [RID-1, RID-2]
    const text = `{"id":${id},"method":${JSON.stringify(method)},"body":${stringify(body)}}`;
    const call = { id, payload: Buffer.from(text), connection: null };
    call.promise = new Promise((resolve, reject) => Object.assign(call, { resolve, reject }));
    call.answered = ({ ok, body, error }) => {
      if (ok) call.resolve(body);
      else call.reject(new PoolError("error_answer", error)); // [MSG-16]
    };
    return call;
  }

  // Gives slots to those who wait, in order of arrival [BPR-5].
  #dispatch() {
    for (const call of this.#waiting) {
      const worker = this.#nextWorker();
      if (!worker) return;
      this.#waiting.delete(call);
      this.#running.add(call);
      worker.send(call);
    }
  }

  // Round-robin over those that are healthy and have a slot: the search begins behind the last one
  // chosen, so that the share of an unhealthy worker goes round too [SEL-1, SEL-2].
  #nextWorker() {
    for (let i = 0; i < this.#workers.length; i++) {
      const at = (this.#turn + i) % this.#workers.length;
      if (!this.#workers[at].free) continue;
      this.#turn = at + 1;
      return this.#workers[at];
    }
    return null;
  }

  #giveUp(call, reason) {
    call.reject(reason); // [CAN-1]
    if (call.connection) call.connection.cancel(call, String(reason?.message ?? reason));
    else this.#waiting.delete(call); // [BPR-3]
  }

  // What has not been sent waits again, before all who came later.
  #lost(error, sent, unsent) {
    const why = error instanceof PoolError ? error : null;
    for (const call of sent) {
      const text = `the worker or its connection was lost: ${error.message}`;
      call.reject(why ?? new PoolError("worker_died", text, { mayHaveRun: true, cause: error }));
    }
    for (const call of unsent) {
      this.#running.delete(call);
      call.connection = null;
      if (this.#state === "closed") call.reject(closed());
    }
    if (this.#state !== "closed") this.#waiting = new Set([...unsent, ...this.#waiting]);
    this.#dispatch();
  }

  #died(worker, text) {
    if (this.#state === "starting") this.#starting.abort(new PoolError("start_failed", text));
    if (this.#state === "running") worker.restart(); // [HLT-6]
  }
}
