// The process of a worker: from spawn to the last of its traces.

import { spawn } from "node:child_process";
import { randomBytes } from "node:crypto";
import fs from "node:fs";
import path from "node:path";

const TAIL = 4096; // bytes of standard error that are kept
const LONGEST_PATH = 103; // bytes of a socket path that every system takes
const PIPES_MS = 200; // a child of the worker's may hold the pipes for ever

export class WorkerProcess {
  #child;
  #tail = Buffer.alloc(0);
  #stopped = null;
  path;
  exited; // a promise of how it ended
  running = true;

  constructor({ command: [program, ...args], env, socketDir }) {
    this.path = path.join(socketDir, `pp${randomBytes(6).toString("hex")}`);
    if (Buffer.byteLength(this.path) > LONGEST_PATH) {
      throw new RangeError(`${this.path} is over ${LONGEST_PATH} bytes: set a shorter socketDir`);
    }
    this.#child = spawn(program, args, {
      env: { ...process.env, ...env, PYPROC_SOCKET_PATH: this.path }, // [STA-10]
      stdio: ["ignore", "pipe", "pipe"],
    });
    this.#child.stdout?.resume(); // read and dropped [OUT-1]
    this.#child.stderr?.on("data", (data) => {
      this.#tail = Buffer.concat([this.#tail, data]).subarray(-TAIL);
    });
    this.exited = new Promise((resolve) => this.#whenExited(resolve));
  }

  get pid() {
    return this.#child.pid;
  }

  #whenExited(resolve) {
    const over = (how) => {
      this.running = false;
      fs.rmSync(this.path, { force: true });
      const tail = this.#tail.toString().trim();
      resolve(tail ? `${how}; its standard error ended with: ${tail}` : how);
    };
    this.#child.on("error", (error) => this.pid === undefined && over(error.message));
    this.#child.on("exit", (code, signal) => {
      this.running = false;
      const how = signal ? `was ended by ${signal}` : `exited with status ${code}`;
      const closing = setTimeout(() => {
        this.#child.stdout.destroy();
        this.#child.stderr.destroy();
      }, PIPES_MS);
      this.#child.on("close", () => {
        clearTimeout(closing);
        over(how);
      });
    });
  }

  /** SIGTERM, and SIGKILL for what stays [SHD-3]. Resolves when the process is reaped. */
  stop(timeoutMs) {
    return (this.#stopped ??= this.#stop(timeoutMs));
  }

  async #stop(timeoutMs) {
    this.#child.kill("SIGTERM");
    const kill = setTimeout(() => this.#child.kill("SIGKILL"), timeoutMs);
    await this.exited;
    clearTimeout(kill);
  }
}
