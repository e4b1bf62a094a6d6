// One of a pool's workers: its process, its connections, its health and its restarts.

import { setTimeout as delay } from "node:timers/promises";
import { Connection } from "./connection.mjs";
import { WorkerProcess } from "./process.mjs";

const POLL_MS = 10;

export class Worker {
  #index;
  #options;
  #pool; // { newCall(method), freed(), checked(), died(worker, text), lost(text, sent, unsent) }
  #process = null;
  #starting = null;
  #stop = new AbortController();
  #connection = null;
  #checking = null; // health calls have a connection of their own, or they would wait behind others
  #deaths = 0; // since a process lasted
  #readyAt = Infinity;
  healthy = false;
  restarts = 0;

  constructor(index, options, pool) {
    this.#index = index;
    this.#options = options;
    this.#pool = pool;
  }

  get free() {
    return this.healthy && (this.#connection?.load ?? 0) < this.#options.maxInFlight;
  }

  /** Sends a call, over a new connection where the last one has ended. */
  send(call) {
    if (!this.#connection || this.#connection.ended) this.#connection = this.#connect();
    call.connection = this.#connection;
    this.#connection.send(call);
  }

  /** Starts a process, and resolves when it accepts connections [STA-1]. */
  start() {
    return (this.#starting = this.#start());
  }

  /** Starts it anew when it has died, later each time and never in step with others [HLT-7, HLT-14]. */
  async restart() {
    const { restartBackoffMs: shortest, restartBackoffMaxMs: longest } = this.#options;
    while (!this.#stop.signal.aborted) {
      if (performance.now() - this.#readyAt >= longest) this.#deaths = 0;
      this.#readyAt = Infinity;
      const backoff = Math.min(longest, shortest * 2 ** this.#deaths++);
      try {
        await delay(backoff * (0.5 + Math.random() / 2), null, { signal: this.#stop.signal });
        await this.start();
        this.restarts++;
        return this.#pool.freed();
      } catch {
        // it is tried again, unless the pool has been shut down
      }
    }
  }

  /** Resolves when the process is reaped and nothing else is left [SHD-4, SHD-6]. */
  async stop(reason) {
    this.#stop.abort();
    this.healthy = false;
    this.#closeConnections(reason);
    await this.#process?.stop(this.#options.stopTimeoutMs);
    await this.#starting?.catch(() => {});
  }

  async #start() {
    const { startTimeoutMs, stopTimeoutMs } = this.#options;
    const process = (this.#process = new WorkerProcess(this.#options));
    const name = `worker ${this.#index} (process ${process.pid ?? "none"})`; // [STA-6]
    const late = performance.now() + startTimeoutMs;
    for (;;) {
      this.#connection = this.#connect();
      const accepted = await this.#connection.opened;
      if (!process.running) throw new Error(`${name} ${await process.exited}`);
      if (this.#stop.signal.aborted || (!accepted && performance.now() > late)) {
        this.#connection.close(new Error("too late"));
        await process.stop(stopTimeoutMs);
        throw new Error(`${name} accepted no connection within ${startTimeoutMs} ms`);
      }
      if (accepted) break;
      await delay(POLL_MS);
    }
    this.#readyAt = performance.now();
    this.healthy = true;
    const exit = new AbortController();
    process.exited.then((how) => {
      exit.abort();
      this.healthy = false;
      this.#closeConnections(new Error(how));
      this.#pool.died(this, `${name} ${how}`);
    });
    this.#check(AbortSignal.any([exit.signal, this.#stop.signal]));
  }

  #connect() {
    const connection = new Connection(this.#process.path, this.#options, {
      freed: () => this.#pool.freed(),
      lost: (error, sent, unsent) => {
        if (!connection.connected) this.healthy = false; // until a check finds otherwise
        this.#pool.lost(error, sent, unsent);
      },
    });
    return connection;
  }

  #closeConnections(reason) {
    this.#connection?.close(reason);
    this.#checking?.close(reason);
  }

  // Checks until the process has ended [HLT-1]. A worker that hangs may recover [HLT-13].
  async #check(over) {
    const { healthIntervalMs } = this.#options;
    while (await delay(healthIntervalMs, true, { signal: over }).catch(() => false)) {
      const healthy = await this.#isHealthy();
      this.#pool.checked();
      if (over.aborted) return;
      this.healthy = healthy;
      this.#pool.freed();
    }
  }

  async #isHealthy() {
    if (!this.#checking || this.#checking.ended) {
      this.#checking = new Connection(this.#process.path, this.#options, {
        freed: () => {},
        lost: (error, sent, unsent) => [...sent, ...unsent].forEach((call) => call.reject(error)),
      });
    }
    const call = this.#pool.newCall("health");
    const timer = setTimeout(
      () => this.#checking.close(new Error("no answer in time")),
      this.#options.healthTimeoutMs,
    );
    this.#checking.send(call);
    const body = await call.promise.catch(() => null);
    clearTimeout(timer);
    return body?.status === "healthy";
  }
}
