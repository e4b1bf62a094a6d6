// One connection to a worker, with many requests outstanding: requests out, answers in.

import net from "node:net";
import { Decoder, encode } from "../node-framer/framer.mjs";
import { fieldsOf, parse, textOf } from "../node-worker/json.mjs";

export class Connection {
  #socket;
  #options; // { framing, maxPayload }
  #events; // { freed(), lost(error, sent, unsent) }
  #decoder;
  #calls = new Map(); // ID to call, for all that were neither answered nor given up
  #requests = new Map(); // ID to frame: those of them that wait to be written, in their order
  #cancellations = []; // frames that go ahead of requests: what they cancel has left or is leaving
  #cancelling = 0; // calls that were given up, and whose cancellation has not left
  #writing = true; // until the socket is connected
  ended = false;
  connected = false; // and stays true when it has ended
  opened; // a promise of connected

  /**
   * `freed` is called when the load falls, and `lost` once, when the connection has ended: with the
   * calls of which a byte may have reached the worker, and those that were still to be written.
   */
  constructor(path, options, events) {
    this.#options = options;
    this.#events = events;
    this.#decoder = new Decoder(options);
    this.#socket = net.connect(path);
    this.opened = new Promise((resolve) => {
      this.#socket.on("connect", () => {
        this.connected = true;
        this.#written();
        resolve(true);
      });
      this.#socket.on("close", () => resolve(this.connected));
    });
    this.#socket.on("data", (chunk) => this.#arrived(chunk));
    this.#socket.on("end", () => this.close(new Error("the worker closed the connection")));
    this.#socket.on("error", (error) => this.close(error));
  }

  /** How many requests count as at the worker: one that was given up does until its cancellation has left. */
  get load() {
    return this.ended ? 0 : this.#calls.size + this.#cancelling;
  }

  /** Sends a call, which is { id, payload, answered(answer) }. */
  send(call) {
    this.#calls.set(call.id, call);
    this.#requests.set(call.id, encode(call, this.#options));
    this.#write();
  }

  /** Gives a call up: its request is taken back, or a cancellation follows it [CAN-2]. */
  cancel({ id }, reason) {
    if (!this.#calls.delete(id)) return;
    if (this.#requests.delete(id)) return this.#events.freed();
    const fields = `{"id":${id},"reason":${JSON.stringify(reason)}}`;
    const payload = Buffer.from(`{"type":"cancellation","payload":${fields}}`);
    this.#cancelling++;
    this.#cancellations.push(encode({ id, payload }, this.#options));
    this.#write();
  }

  close(error) {
    if (this.ended) return;
    this.ended = true;
    this.#socket.destroy();
    const calls = Array.from(this.#calls.values());
    this.#calls.clear();
    const sent = calls.filter(({ id }) => !this.#requests.has(id));
    const unsent = calls.filter(({ id }) => this.#requests.has(id));
    this.#events.lost(error, sent, unsent);
  }

  // One frame at a time, so that a request that has not begun to leave can be taken back.
  #write() {
    if (this.#writing || this.ended) return;
    const cancels = this.#cancellations.length > 0;
    const bytes = cancels ? this.#cancellations.shift() : this.#nextRequest();
    if (!bytes) return;
    this.#writing = true;
    this.#socket.write(bytes, (error) => {
      if (error) return this.close(error);
      if (cancels) this.#cancelling--;
      this.#written();
      if (cancels) this.#events.freed();
    });
  }

  #nextRequest() {
    for (const [id, bytes] of this.#requests) {
      this.#requests.delete(id);
      return bytes;
    }
    return null;
  }

  #written() {
    this.#writing = false;
    this.#write();
  }

  #arrived(chunk) {
    this.#decoder.push(chunk);
    try {
      for (let frame; !this.ended && (frame = this.#decoder.next());) this.#received(frame);
    } catch (error) {
      this.close(error); // a framing error or an unreadable answer [RID-7]
    }
  }

  #received({ id: headerID, payload }) {
    const answer = answerOf(payload);
    if (this.#options.framing === "enhanced" && answer.id !== headerID) {
      throw new Error(`an answer bears the ID ${answer.id}, its header ${headerID}`); // [MSG-13]
    }
    const call = this.#calls.get(answer.id);
    if (!call) return; // late, repeated or unknown [RID-5, CAN-3]
    this.#calls.delete(answer.id);
    call.answered(answer);
    this.#events.freed();
  }
}

/** An answer as { id, ok, body } or { id, ok, error }. Throws where it cannot be read. */
function answerOf(payload) {
  let fields = fieldsOf(textOf(payload));
  const type = fields?.get("type");
  if (type?.startsWith('"') && fields.has("payload")) {
    if (JSON.parse(type) !== "response") throw new Error(`an envelope of type ${type}`);
    fields = fieldsOf(fields.get("payload")); // [MSG-15]
  }
  const id = fields?.get("id") ?? "";
  if (!/^\d{1,20}$/.test(id) || BigInt(id) >= 2n ** 64n) {
    throw new Error("an answer without a readable ID"); // [MSG-10]
  }
  if (fields.get("ok") === "true") {
    return { id: BigInt(id), ok: true, body: parse(fields.get("body") ?? "null") };
  }
  const error = parse(fields.get("error") ?? "null");
  if (fields.get("ok") !== "false" || typeof error !== "string") {
    throw new Error("an answer that is neither ok nor an error");
  }
  return { id: BigInt(id), ok: false, error };
}
