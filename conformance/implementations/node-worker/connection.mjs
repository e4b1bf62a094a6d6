// One connection of a worker: frames in, calls, answers out.

import { Decoder, encode, FrameError } from "../node-framer/framer.mjs";
import { fieldsOf, parse, stringify, textOf } from "./json.mjs";

const CALLER_CHECK_MS = 250;

export class Connection {
  #socket;
  #worker; // { methods, maxPayload, running }
  #head = Buffer.alloc(0); // what came before the framing was known
  #framing;
  #decoder;
  #outstanding = new Map(); // ID to AbortController

  constructor(socket, worker) {
    this.#socket = socket;
    this.#worker = worker;
    socket.on("data", (chunk) => this.#arrived(chunk));
    socket.on("end", () => this.#callerEnded());
    socket.on("error", () => {}); // "close" comes after it
    socket.on("close", () => this.#outstanding.forEach((call) => call.abort())); // [CAN-8]
  }

  #arrived(chunk) {
    if (!this.#decoder) {
      chunk = this.#head = Buffer.concat([this.#head, chunk]);
      if (chunk.length < 2) return;
      this.#framing = chunk.toString("latin1", 0, 2) === "PY" ? "enhanced" : "basic"; // [STR-7]
      this.#decoder = new Decoder({ framing: this.#framing, maxPayload: this.#worker.maxPayload });
    }
    this.#decoder.push(chunk);
    try {
      for (let frame; !this.#socket.destroyed && (frame = this.#decoder.next());) {
        this.#received(frame);
      }
    } catch (error) {
      if (!(error instanceof FrameError)) throw error;
      this.#socket.destroy(); // [WRK-15]
    }
  }

  // The caller closed its sending half, or went away. Answers still due are sent [WRK-22]. Only a
  // write can tell the two apart, and one of no bytes will do.
  #callerEnded() {
    this.#decoder?.end();
    this.#arrived(Buffer.alloc(0)); // a frame that was cut off closes the connection [WRK-15]
    const check = () => (this.#outstanding.size > 0 ? this.#socket.write("") : this.#socket.end());
    const timer = setInterval(check, CALLER_CHECK_MS);
    this.#socket.on("close", () => clearInterval(timer));
    check();
  }

  // In the basic framing headerID is 0, and nothing to compare with.
  #received({ id: headerID, payload }) {
    let fields;
    try {
      fields = fieldsOf(textOf(payload));
    } catch (error) {
      return this.#answer(headerID, false, failure(`no JSON in UTF-8: ${error.message}`));
    }
    let type;
    if (fields?.get("type")?.startsWith('"') && fields.has("payload")) {
      type = parse(fields.get("type")); // an envelope [MSG-3]
      fields = fieldsOf(fields.get("payload"));
    }
    const id = readID(fields?.get("id"));
    const differs = id !== undefined && id !== headerID && this.#framing === "enhanced";
    if (differs) return this.#socket.destroy(); // [MSG-13]
    if (type === "cancellation") return this.#outstanding.get(id)?.abort(); // [CAN-5, CAN-6]

    const enveloped = type === "request"; // [MSG-2]
    const refuse = (text) => this.#answer(id ?? headerID, enveloped, failure(text)); // [MSG-11]
    if (type !== undefined && !enveloped) return refuse(`unknown envelope type ${type}`); // [MSG-12]
    if (id === undefined) return refuse("no request: no integer id from 0 to 2^64-1");
    const method = parse(fields.get("method") ?? "null");
    if (typeof method !== "string") return refuse("no request: the method is no string");
    if (this.#outstanding.has(id)) return this.#socket.destroy(); // [MSG-14]
    this.#call(id, enveloped, method, fields.get("body") ?? "null"); // [MSG-6]
  }

  #call(id, enveloped, method, body) {
    const call = new AbortController();
    this.#outstanding.set(id, call);
    const run = this.#run(method, body, call.signal).then((outcome) => {
      this.#worker.running.delete(run);
      this.#outstanding.delete(id);
      this.#answer(id, enveloped, outcome);
    });
    this.#worker.running.add(run);
  }

  // An answer, from its field ok on.
  async #run(method, body, signal) {
    const handler = this.#worker.methods.get(method);
    if (!handler) return failure(`unknown method ${method}`); // [WRK-10]
    let result;
    try {
      result = await handler(parse(body), { signal });
    } catch (error) {
      return failure(error?.message ?? error); // [WRK-11]
    }
    try {
      return `"ok":true,"body":${stringify(result ?? null)}`;
    } catch (error) {
      return failure(`the result of ${method} cannot be encoded: ${error.message}`); // [WRK-12]
    }
  }

  #answer(id, enveloped, outcome) {
    const { maxPayload } = this.#worker;
    const message = `{"id":${id},${outcome}}`;
    const payload = Buffer.from(enveloped ? `{"type":"response","payload":${message}}` : message);
    if (payload.length > maxPayload) {
      const text = `the answer has ${payload.length} bytes, over max_payload of ${maxPayload}`;
      return this.#answer(id, enveloped, failure(text)); // [WRK-13]
    }
    this.#socket.write(encode({ id, payload }, { framing: this.#framing, maxPayload }));
  }
}

function failure(text) {
  return `"ok":false,"error":${JSON.stringify(String(text))}`;
}

/** The ID in its JSON text, undefined where that is none [MSG-10]. */
function readID(text) {
  const id = /^\d{1,20}$/.test(text) ? BigInt(text) : 2n ** 64n;
  return id < 2n ** 64n ? id : undefined;
}
