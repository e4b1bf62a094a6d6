// Serves methods on the Unix socket that a pool names, from start to stop.

import fs from "node:fs";
import net from "node:net";
import { Connection } from "./connection.mjs";

const ORPHAN_CHECK_MS = 500;

/**
 * Serves functions (body, { signal }) by their names, until SIGTERM, SIGINT or the end of the parent
 * process, and then ends this process. `graceMs` leaves the exit itself half a second of 5 s.
 */
export async function serve(exposed, { maxPayload = 10485760, graceMs = 4500 } = {}) {
  const path = process.env.PYPROC_SOCKET_PATH;
  if (!path) refuse("PYPROC_SOCKET_PATH is not set: a worker is started by a pool, which sets it");
  await makeWay(path);

  const running = new Set(); // a promise for each call
  const inflight = () => running.size;
  const health = () => ({ status: "healthy", pid: process.pid }); // [WRK-20]
  const methods = new Map(Object.entries({ inflight, ...exposed, health }));
  const sockets = new Set();
  const server = net.createServer({ allowHalfOpen: true }, (socket) => {
    sockets.add(socket.on("close", () => sockets.delete(socket)));
    new Connection(socket, { methods, maxPayload, running });
  });

  const stop = async () => {
    setTimeout(() => process.exit(0), graceMs);
    server.close(); // removes the socket file too
    while (running.size > 0) await Promise.all(running); // [WRK-18]
    await Promise.all(Array.from(sockets, (socket) => new Promise((sent) => socket.end(sent))));
    process.exit(0); // [WRK-17]
  };
  process.on("SIGTERM", stop).on("SIGINT", stop);
  const parent = process.ppid;
  setInterval(() => process.ppid !== parent && stop(), ORPHAN_CHECK_MS); // [WRK-19]

  server.on("error", (error) => refuse(`cannot listen at ${path}: ${error.message}`));
  const mask = process.umask(0o177); // chmod would come too late [WRK-6]
  server.listen(path);
  process.umask(mask);
}

/** Removes a stale socket file, and refuses to start where the path is another's. */
async function makeWay(path) {
  const longest = process.platform === "darwin" ? 103 : 107; // Node would cut it off and go on
  if (Buffer.byteLength(path) > longest)
    refuse(`${path} is longer than the ${longest} bytes allowed`);
  const there = fs.lstatSync(path, { throwIfNoEntry: false });
  if (!there) return;
  if (!there.isSocket()) refuse(`${path} is there, and no socket`); // [WRK-5]
  const error = await new Promise((resolve) => {
    net.connect(path, () => resolve(null)).on("error", resolve);
  });
  if (error?.code !== "ECONNREFUSED") refuse(`${path} belongs to a live process`); // [WRK-4]
  fs.unlinkSync(path); // [WRK-2]
}

function refuse(text) {
  process.stderr.write(`${text}\n`);
  process.exit(1);
}
