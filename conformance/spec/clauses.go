// Code generated from SPEC.md by make generate. DO NOT EDIT.

package spec

// Version names the set of clauses that a report is about. SPEC.md says when it changes.
const Version = "3"

var clauses = []Clause{
	{
		Name: "FRM-1", Level: Must, Since: 1, Roles: []Role{RoleFramer},
		Sentence: "An enhanced frame is an 18-byte header (magic 0x50 0x59, u32 length, u64 request ID, u32 CRC32C, each big-endian) followed by the payload.",
		Why:      "2 + 4 + 8 + 4 = 18; see erratum E1.",
	},
	{
		Name: "FRM-2", Level: Must, Since: 1, Roles: []Role{RoleFramer},
		Sentence: "The length field of an enhanced frame counts the whole frame, header included: 18 + payload bytes.",
	},
	{
		Name: "FRM-3", Level: Must, Since: 1, Roles: []Role{RoleFramer},
		Sentence: "The request ID of an enhanced frame is an unsigned 64-bit integer, and each value from 0 to 2^64-1 survives a write and a read.",
	},
	{
		Name: "FRM-4", Level: Must, Since: 1, Roles: []Role{RoleFramer},
		Sentence: "A basic frame is a u32 payload length followed by the payload, and its request ID reads as 0, whatever was written before.",
		Changes: []Change{
			{Version: 3, What: "It says that the ID reads as 0 whatever was written before: a framer that remembers the last ID it wrote was always wrong."},
		},
	},
	{
		Name: "FRM-5", Level: Must, Since: 1, Roles: []Role{RoleFramer},
		Sentence: "An empty payload is legal in both framings.",
	},
	{
		Name: "FRM-6", Level: Must, Since: 1, Roles: []Role{RoleFramer},
		Sentence: "An enhanced frame that does not begin with 0x50 0x59 is refused as `bad_magic`.",
	},
	{
		Name: "FRM-7", Level: Must, Since: 1, Roles: []Role{RoleFramer},
		Sentence: "An enhanced frame whose length field is below 18 is refused as `bad_length`.",
		Why:      "an implementation that subtracts 18 first ends with a negative or a huge size.",
	},
	{
		Name: "FRM-8", Level: Must, Since: 1, Roles: []Role{RoleFramer},
		Sentence: "A frame whose payload would exceed `max_payload` is refused as `too_large`, and a payload of exactly `max_payload` bytes is accepted, in both framings.",
	},
	{
		Name: "FRM-9", Level: Must, Since: 1, Roles: []Role{RoleFramer},
		Sentence: "Checks run in the order magic, length below 18, payload over `max_payload`, end of stream, CRC, and the first that fails names the error.",
	},
	{
		Name: "FRM-10", Level: Must, Since: 1, Roles: []Role{RoleFramer},
		Sentence: "`bad_magic`, `bad_length` and `too_large` are reported from the header alone, without waiting for any payload byte.",
		Why:      "a peer that sends a bad header and then nothing would hold the reader for ever. Reading ahead is fine.",
	},
	{
		Name: "FRM-11", Level: Must, Since: 1, Roles: []Role{RoleFramer},
		Sentence: "Memory set aside for a payload grows with the bytes that have arrived, not with what the header claims.",
		Why:      "100 idle peers that had sent four bytes each held 1 GB in a published implementation.",
	},
	{
		Name: "FRM-12", Level: Must, Since: 1, Roles: []Role{RoleFramer},
		Sentence: "Writing a payload over `max_payload` fails with `too_large`, puts no byte on the stream and leaves the framer usable.",
	},
	{
		Name: "FRM-13", Level: Must, Since: 1, Roles: []Role{RoleFramer},
		Sentence: "Where no other value is set, `max_payload` is 10485760 bytes.",
	},
	{
		Name: "FRM-14", Level: Must, Since: 1, Roles: []Role{RoleFramer},
		Sentence:   "`max_payload` is below 0x50590000.",
		Why:        "the framings are told apart by their first two bytes (STR-7); as a basic length \"PY\" claims 0x50590000 bytes or more.",
		Untestable: "it binds a configuration, not bytes: showing it on the wire takes a payload of 1.3 GB.",
	},
	{
		Name: "CRC-1", Level: Must, Since: 1, Roles: []Role{RoleFramer},
		Sentence: "The checksum is CRC32C (Castagnoli polynomial, reflected 0x82F63B78, initial value and final xor 0xFFFFFFFF): of the ASCII bytes `123456789` it is 0xE3069283.",
	},
	{
		Name: "CRC-2", Level: Must, Since: 1, Roles: []Role{RoleFramer},
		Sentence: "The checksum covers the payload and nothing of the header.",
		Why:      "so a changed request ID passes the framer; MSG-13 catches it.",
	},
	{
		Name: "CRC-3", Level: Must, Since: 1, Roles: []Role{RoleFramer},
		Sentence: "The checksum of an empty payload is 0x00000000.",
	},
	{
		Name: "CRC-4", Level: Must, Since: 1, Roles: []Role{RoleFramer},
		Sentence: "A payload that does not match the checksum of its header is refused as `bad_crc`.",
	},
	{
		Name: "CRC-5", Level: Must, Since: 1, Roles: []Role{RoleFramer},
		Sentence: "A payload that failed its checksum is never handed out, not even beside the error.",
	},
	{
		Name: "STR-1", Level: Must, Since: 1, Roles: []Role{RoleFramer},
		Sentence: "A stream that ends between frames is a clean end and not an error.",
	},
	{
		Name: "STR-2", Level: Must, Since: 1, Roles: []Role{RoleFramer},
		Sentence: "A stream that ends inside a header or a payload is refused as `truncated`.",
		Why:      "a half is no frame. A stream that ends after 0x50, the first half of a right magic, is cut off too, and not `bad_magic`.",
	},
	{
		Name: "STR-3", Level: Must, Since: 1, Roles: []Role{RoleFramer},
		Sentence: "After a framing error every later read returns the same error, with no scanning for a next magic.",
		Why:      "a scan can find a magic inside a payload and execute data as a request.",
	},
	{
		Name: "STR-4", Level: Must, Since: 1, Roles: []Role{RoleFramer},
		Sentence: "The frames read are the same however the bytes were split or joined on the way.",
	},
	{
		Name: "STR-5", Level: Must, Since: 1, Roles: []Role{RoleFramer},
		Sentence: "A frame goes out as one indivisible unit with regard to other writers of the same framer.",
		Why:      "a stream never mixes one `Write` with another, as a Go `net.Conn` does not. So a framer that puts each frame into one `Write` needs no lock of its own. One that needs several `Write`s for a frame does; Python's `sendall` counts as several, and so does `net.Buffers` on anything but a real socket.",
		Changes: []Change{
			{Version: 3, What: "It asks for less: a framer that puts each frame into one `Write` needs no lock. Version 2 also cut single `Write`s apart."},
		},
	},
	{
		Name: "STR-6", Level: Must, Since: 1, Roles: []Role{RoleFramer},
		Sentence: "A short write is an error, and every later write fails too.",
		Why:      "the rest of the frame is missing, so the next frame would be read as its payload. Where the stream's own contract allows a short write without an error, as write(2), Rust's `write` and Python's `send` do, the framer goes on with the rest or fails for good. It never reports success for an incomplete frame. Go's `io.Writer` does not allow a short write without an error, and no case makes one. Once a byte of a frame was taken, nothing follows a failed write; a write that failed before its first byte is left open.",
		Changes: []Change{
			{Version: 3, What: "It says what a framer does where the stream may take part of the bytes without an error: go on with the rest, or fail for good."},
		},
	},
	{
		Name: "STR-7", Level: Must, Since: 1, Roles: []Role{RoleWorker},
		Sentence: "A worker tells the framing of each connection by its first two bytes and answers in that framing.",
	},
	{
		Name: "STR-8", Level: Must, Optional: true, Since: 3, Roles: []Role{RoleFramer},
		Sentence: "Where reading and writing may be called at the same time, a read that waits never holds up a write, nor a write a read.",
		Why:      "both ends of a connection wait for each other when one lock covers both directions. A framer whose language or interface excludes this, such as one behind Rust's `&mut self`, says so and stays green.",
	},
	{
		Name: "STR-9", Level: Must, Since: 3, Roles: []Role{RoleFramer},
		Sentence: "A payload that is handed over to be written is not changed.",
	},
	{
		Name: "STR-10", Level: Must, Since: 3, Roles: []Role{RoleFramer},
		Sentence: "An error of the stream itself, such as a timeout or a reset, is passed on as it is and is not reported as a framing error or as a clean end.",
	},
	{
		Name: "MSG-1", Level: Must, Since: 1, Roles: []Role{RoleWorker},
		Sentence: "A request `{\"id\", \"method\", \"body\"}` is answered by exactly one response with the same `id`: `\"ok\": true` and always a `body`, null included, or `\"ok\": false` and a string `error`.",
	},
	{
		Name: "MSG-2", Level: Must, Since: 1, Roles: []Role{RoleWorker},
		Sentence: "A request is taken standing alone and in an envelope of type `request`, and is answered the way it came.",
	},
	{
		Name: "MSG-3", Level: Must, Since: 1, Roles: []Role{RoleWorker, RolePool},
		Sentence: "An object is an envelope exactly if it has a string `type` and a `payload`.",
		Why:      "a plain request that carries an unknown field named `type` is still a plain request.",
	},
	{
		Name: "MSG-4", Level: Must, Since: 1, Roles: []Role{RoleWorker, RolePool},
		Sentence: "Unknown fields are ignored, and a field whose name differs in case is an unknown one.",
		Why:      "some JSON libraries fold case when they look for a field, and then an `ID` beside `id` replaces it.",
	},
	{
		Name: "MSG-5", Level: Must, Since: 1, Roles: []Role{RoleWorker, RolePool},
		Sentence: "IDs are full 64-bit: 2^53+1 and 2^64-1 survive every hop.",
		Why:      "a JSON library that reads numbers as doubles changes them without a word.",
	},
	{
		Name: "MSG-6", Level: Must, Since: 1, Roles: []Role{RoleWorker},
		Sentence: "An absent `body` is null.",
	},
	{
		Name: "MSG-7", Level: Must, Since: 1, Roles: []Role{RoleWorker, RolePool},
		Sentence: "A `body` may be any JSON value, null, false, 0 and \"\" included, and arrives equal: integers within 64 bits and strings exactly, other numbers as IEEE doubles.",
	},
	{
		Name: "MSG-8", Level: Must, Since: 1, Roles: []Role{RoleWorker},
		Sentence: "NaN and Infinity are malformed and never sent.",
	},
	{
		Name: "MSG-9", Level: Must, Since: 1, Roles: []Role{RoleWorker},
		Sentence: "Nesting to 100 levels works, and deeper nesting is answered with the value or with an error answer.",
	},
	{
		Name: "MSG-10", Level: Must, Since: 1, Roles: []Role{RoleWorker, RolePool},
		Sentence: "An ID is a JSON integer without fraction or exponent, from 0 to 2^64-1; any other is no readable ID.",
	},
	{
		Name: "MSG-11", Level: Must, Since: 1, Roles: []Role{RoleWorker},
		Sentence: "What cannot be read as a request (malformed JSON or UTF-8, no object, no readable ID, a method that is no string) gets an error answer, under the header's ID in the enhanced framing and in the basic framing under 0 unless its ID could be read, and the connection goes on.",
	},
	{
		Name: "MSG-12", Level: Must, Since: 1, Roles: []Role{RoleWorker},
		Sentence: "An unknown envelope type gets an error answer, never silence.",
	},
	{
		Name: "MSG-13", Level: Must, Since: 1, Roles: []Role{RoleWorker, RolePool},
		Sentence: "A message whose ID differs from the ID in its frame's header is a violation, final for the connection, which is closed: no handler runs, and nothing is delivered to any caller.",
		Why:      "the CRC does not cover the header, so this is the only guard against a damaged ID.",
	},
	{
		Name: "MSG-14", Level: Must, Since: 1, Roles: []Role{RoleWorker},
		Sentence: "A request that repeats an ID still outstanding on its connection is a violation: the connection is closed.",
		Why:      "any answer could be taken for the first one's. An ID is outstanding until its answer begins to leave. Only the connection's own outstanding IDs count: the same ID on two connections at once is legal.",
		Changes: []Change{
			{Version: 3, What: "It asks for less: the same ID outstanding on two connections at once is legal."},
		},
	},
	{
		Name: "MSG-15", Level: Must, Since: 1, Roles: []Role{RolePool},
		Sentence: "A response is taken standing alone and in an envelope of type `response`, and an absent `body` beside `\"ok\": true` is null.",
	},
	{
		Name: "MSG-16", Level: Must, Since: 1, Roles: []Role{RolePool},
		Sentence: "An `\"ok\": false` answer reaches its caller as an error that carries the worker's text, and the pool goes on.",
	},
	{
		Name: "MSG-17", Level: Must, Since: 1, Roles: []Role{RolePool},
		Sentence: "What a pool sends is a well-formed request: a JSON object in UTF-8 with an integer `id`, a string `method` and the caller's body, alone or in its envelope.",
	},
	{
		Name: "MSG-18", Level: Must, Since: 3, Roles: []Role{RolePool},
		Sentence: "A pool never sends a frame over `max_payload`: the call fails with `too_large`, and the pool goes on.",
		Why:      "the worker would close the connection, with every other call on it.",
	},
	{
		Name: "MSG-19", Level: Must, Since: 3, Roles: []Role{RolePool},
		Sentence: "What a pool sends of a body is what it was when the call was made, also where the caller changes it once Call has returned.",
		Why:      "a cancelled call returns while its request still waits to be written.",
	},
	{
		Name: "RID-1", Level: Must, Since: 1, Roles: []Role{RolePool},
		Sentence: "A caller never uses request ID 0.",
		Why:      "0 means \"no request\" and is what an unreadable request is answered under in the basic framing.",
	},
	{
		Name: "RID-2", Level: Must, Since: 1, Roles: []Role{RolePool},
		Sentence: "A request ID is never reused while it is outstanding, and it is unique in the whole pool.",
	},
	{
		Name: "RID-3", Level: Must, Since: 1, Roles: []Role{RolePool},
		Sentence: "In the enhanced framing the header of every message a pool sends bears the ID of the message.",
	},
	{
		Name: "RID-4", Level: Must, Since: 1, Roles: []Role{RolePool},
		Sentence: "An answer reaches the caller whose ID it bears, or nobody, in whatever order answers come.",
	},
	{
		Name: "RID-5", Level: Must, Since: 1, Roles: []Role{RolePool},
		Sentence: "An answer with an unknown or a repeated ID reaches nobody, and later calls get their own answers.",
		Why:      "an ID is unknown while no outstanding call bears it, also where a later call will.",
	},
	{
		Name: "RID-6", Level: Must, Since: 1, Roles: []Role{RolePool},
		Sentence: "A connection on which an answer may still be due is never handed to another caller in a way that could confuse them.",
	},
	{
		Name: "RID-7", Level: Must, Since: 1, Roles: []Role{RolePool},
		Sentence: "A framing error or an unreadable answer on a connection fails the calls that were on it, and later calls get their own answers on another connection.",
		Why:      "frames can no longer be told apart. A call of which no byte has gone out was not on the connection, and may go out on another. A call whose request went out before the error was read was on that connection too: what lies unread in the kernel nobody knows.",
	},
	{
		Name: "RID-8", Level: Must, Since: 1, Roles: []Role{RoleWorker},
		Sentence: "Each answer bears the ID of its request, in the message and in the enhanced framing also in the header, with many requests outstanding on one connection.",
	},
	{
		Name: "RID-9", Level: Must, Since: 3, Roles: []Role{RolePool},
		Sentence: "A `health` call of the pool has a request ID of its own: not 0, equal in header and message, and shared with no other request that is outstanding.",
	},
	{
		Name: "WRK-1", Level: Must, Since: 1, Roles: []Role{RoleWorker},
		Sentence: "A worker reads its socket path from `PYPROC_SOCKET_PATH`, listens there, and is ready once it accepts connections.",
		Why:      "starting takes the time that it takes. A worker that exits, or listens elsewhere, is violated at once; one that has not accepted within the patience of the run is not known.",
		Changes: []Change{
			{Version: 3, What: "It asks for less: a worker that takes longer to start than a run waits is not known, where it was violated."},
		},
	},
	{
		Name: "WRK-2", Level: Must, Since: 1, Roles: []Role{RoleWorker},
		Sentence: "A stale socket file at the path, one that no process listens on, is replaced.",
	},
	{
		Name: "WRK-3", Level: Must, Since: 1, Roles: []Role{RoleWorker},
		Sentence: "Where `PYPROC_SOCKET_PATH` is unset, a worker refuses to start, with a message on standard error and an exit code that is not 0.",
	},
	{
		Name: "WRK-4", Level: Must, Since: 1, Roles: []Role{RoleWorker},
		Sentence: "Where a live process owns the socket, a worker refuses to start, with a message and an exit code that is not 0, and removes nothing.",
	},
	{
		Name: "WRK-5", Level: Must, Since: 1, Roles: []Role{RoleWorker},
		Sentence: "Where something that is no socket is at the path, a worker refuses to start, with a message and an exit code that is not 0, and removes nothing.",
	},
	{
		Name: "WRK-6", Level: Must, Since: 1, Roles: []Role{RoleWorker},
		Sentence: "The socket file has mode 0600.",
		Why:      "whoever can connect can run code with the worker's rights.",
	},
	{
		Name: "WRK-7", Level: Must, Since: 1, Roles: []Role{RoleWorker},
		Sentence: "A worker serves 64 connections and more at once.",
	},
	{
		Name: "WRK-8", Level: Must, Since: 1, Roles: []Role{RoleWorker},
		Sentence: "An idle, a stalled or a half-sent connection never blocks another.",
	},
	{
		Name: "WRK-9", Level: Must, Since: 1, Roles: []Role{RoleWorker},
		Sentence: "Many requests may be outstanding on one connection, and each is answered, in any order.",
		Why:      "in any order includes the order of the requests: a worker that runs handlers side by side may still answer each connection in turn, however long the first answer takes.",
		Changes: []Change{
			{Version: 3, What: "It asks for less: a worker may answer the requests of a connection in their order, however long the first takes."},
		},
	},
	{
		Name: "WRK-10", Level: Must, Since: 1, Roles: []Role{RoleWorker},
		Sentence: "A call of an unknown method is answered with an error that says so, and the connection goes on.",
	},
	{
		Name: "WRK-11", Level: Must, Since: 1, Roles: []Role{RoleWorker},
		Sentence: "An exception in a handler is answered with an error that carries its text, and the connection goes on.",
	},
	{
		Name: "WRK-12", Level: Must, Since: 1, Roles: []Role{RoleWorker},
		Sentence: "A result that cannot be encoded is answered with an error that says so, in English words such as serialize, encode, represent or JSON, and the connection goes on.",
	},
	{
		Name: "WRK-13", Level: Must, Since: 1, Roles: []Role{RoleWorker},
		Sentence: "An answer over `max_payload` is replaced by an error answer that says so, in English words such as large, long, size, limit, fit or bytes, and the connection goes on.",
	},
	{
		Name: "WRK-14", Level: Must, Since: 1, Roles: []Role{RoleWorker},
		Sentence: "After a framing error, a frame cut off by the end of the stream included, no handler runs for that frame.",
	},
	{
		Name: "WRK-15", Level: Must, Since: 1, Roles: []Role{RoleWorker},
		Sentence: "After a framing error the connection is closed; its peer may see an end, a reset or a broken pipe.",
	},
	{
		Name: "WRK-16", Level: Must, Since: 1, Roles: []Role{RoleWorker},
		Sentence: "After a framing error or a violation on one connection, other connections and the process go on.",
	},
	{
		Name: "WRK-17", Level: Must, Since: 1, Roles: []Role{RoleWorker},
		Sentence: "On SIGTERM and on SIGINT a worker stops accepting connections, removes its socket file and exits with status 0 within its grace period, 5 s unless set. More of these signals change nothing.",
		Why:      "Ctrl-C at a terminal reaches the workers too, and the SIGTERM of their pool follows: the second must not cut off what the first lets end.",
		Changes: []Change{
			{Version: 3, What: "It says what a second signal does: nothing. Before, it was open."},
		},
	},
	{
		Name: "WRK-18", Level: Should, Since: 1, Roles: []Role{RoleWorker},
		Sentence: "Handlers that run when SIGTERM or SIGINT comes finish, and their answers are sent, within the grace period.",
	},
	{
		Name: "WRK-19", Level: Should, Since: 1, Roles: []Role{RoleWorker},
		Sentence: "When the process that started it dies, a worker is gone within 5 s.",
		Why:      "`PR_SET_PDEATHSIG` fires when the creating *thread* ends, so a Go parent can kill its own worker with it: watch the parent's id or a pipe.",
	},
	{
		Name: "WRK-20", Level: Must, Since: 1, Roles: []Role{RoleWorker},
		Sentence: "`health` is always there and returns an object with `\"status\": \"healthy\"` and its process ID as `\"pid\"`.",
	},
	{
		Name: "WRK-21", Level: Must, Since: 1, Roles: []Role{RoleWorker},
		Sentence: "For conformance runs a worker exposes `echo` (returns its body), `fail` {\"message\"} (raises), `sleep` {\"ms\"} (cancellable), `pid` (its process ID, a number), `blob` {\"size\"} (a string of that many ASCII characters), `unserializable`, `exit` {\"code\"} (the process ends at once with that status, without an answer) and `inflight` (the number of handlers now running; one that was answered runs no more).",
	},
	{
		Name: "WRK-22", Level: Should, Since: 1, Roles: []Role{RoleWorker},
		Sentence: "Answers still due after a caller closed its sending half are sent.",
		Why:      "the end of what a caller sends is not yet its going away (CAN-8); only a write, if of no bytes, or a poll for a hang-up can tell the two apart.",
	},
	{
		Name: "WRK-23", Level: Must, Since: 1, Roles: []Role{RoleWorker},
		Sentence: "A claimed length sets no memory aside: a worker's memory grows with the bytes that have arrived.",
	},
	{
		Name: "WRK-24", Level: Should, Since: 2, Roles: []Role{RoleWorker},
		Sentence: "A connection on which requests never cease to come does not keep the requests of another one waiting for ever.",
		Why:      "a pool's health calls may come on a connection of their own, and a worker that answers them only when the others have nothing to ask is taken for hung just when it has most to do. The protocol asks for it of idle and stalled connections only (WRK-8), so this is a SHOULD.",
	},
	{
		Name: "WRK-25", Level: Must, Since: 3, Roles: []Role{RoleWorker},
		Sentence: "A caller that leaves before its answer is sent, or while it is sent, ends neither the worker nor another connection.",
	},
	{
		Name: "WRK-26", Level: Must, Since: 3, Roles: []Role{RoleWorker},
		Sentence: "A connection that has ended leaves nothing behind: after hundreds of them a worker has no more descriptors open than before.",
	},
	{
		Name: "STA-1", Level: Must, Since: 1, Roles: []Role{RolePool},
		Sentence: "A pool starts each worker with a socket path of its own in `PYPROC_SOCKET_PATH`, and Start returns without error only when every worker accepts connections.",
	},
	{
		Name: "STA-2", Level: Must, Since: 1, Roles: []Role{RolePool},
		Sentence: "Start is all or nothing: when one worker does not become ready in time, or exits first, Start fails.",
	},
	{
		Name: "STA-3", Level: Must, Since: 1, Roles: []Role{RolePool},
		Sentence: "A failed Start stops and reaps every process that it started.",
	},
	{
		Name: "STA-4", Level: Must, Since: 1, Roles: []Role{RolePool},
		Sentence: "A failed Start removes every socket file.",
	},
	{
		Name: "STA-5", Level: Must, Since: 1, Roles: []Role{RolePool},
		Sentence: "A failed Start gives back every connection, goroutine and descriptor.",
	},
	{
		Name: "STA-6", Level: Must, Since: 1, Roles: []Role{RolePool},
		Sentence: "The error of a failed Start names the worker, by its index, process ID or socket path, and wraps the cause: of a process that exited early, its exit status and the end of its standard error.",
	},
	{
		Name: "STA-7", Level: Must, Since: 1, Roles: []Role{RolePool},
		Sentence: "The context given to Start bounds the start alone: cancelled before the end it fails Start, cancelled later it does not touch running workers.",
	},
	{
		Name: "STA-8", Level: Must, Since: 1, Roles: []Role{RolePool},
		Sentence: "A pool whose Start failed refuses calls.",
	},
	{
		Name: "STA-9", Level: Must, Since: 1, Roles: []Role{RolePool},
		Sentence: "After a failed Start, Start may be tried again.",
	},
	{
		Name: "STA-10", Level: Must, Since: 3, Roles: []Role{RolePool},
		Sentence: "A pool sets `PYPROC_SOCKET_PATH` for each worker itself, whatever its own environment has.",
		Why:      "a pool within a worker inherits its parent's path, and would listen there.",
	},
	{
		Name: "STA-11", Level: Should, Since: 3, Roles: []Role{RolePool},
		Sentence: "Workers inherit no connection of the pool's.",
		Why:      "a worker that holds another's connection keeps it open when the pool has closed it.",
	},
	{
		Name: "SEL-1", Level: Must, Since: 1, Roles: []Role{RolePool},
		Sentence: "Selection is round-robin over healthy workers: k*n calls in sequence over n healthy workers give k to each.",
	},
	{
		Name: "SEL-2", Level: Should, Since: 1, Roles: []Role{RolePool},
		Sentence: "The share of an unhealthy worker is spread evenly over the rest.",
		Why:      "a fallback that always picks the first doubles that worker's load.",
	},
	{
		Name: "SEL-3", Level: Must, Since: 1, Roles: []Role{RolePool},
		Sentence: "An unhealthy worker is given no calls while another is healthy.",
	},
	{
		Name: "BPR-1", Level: Must, Since: 1, Roles: []Role{RolePool},
		Sentence: "Never more than workers × `max_in_flight` requests are at the workers at any instant.",
	},
	{
		Name: "BPR-2", Level: Must, Since: 1, Roles: []Role{RolePool},
		Sentence: "Never more than `max_in_flight` requests are at one worker.",
	},
	{
		Name: "BPR-3", Level: Must, Since: 1, Roles: []Role{RolePool},
		Sentence: "A caller that waits for a slot leaves at once when its context ends, with its context's error, and takes no slot along.",
	},
	{
		Name: "BPR-4", Level: Must, Since: 1, Roles: []Role{RolePool},
		Sentence: "Slots come back on every way out: answer, error answer, encoding failure, protocol violation, crash, cancellation.",
	},
	{
		Name: "BPR-5", Level: Should, Since: 1, Roles: []Role{RolePool},
		Sentence: "Waiters are served in order of arrival.",
	},
	{
		Name: "BPR-6", Level: Must, Optional: true, Since: 1, Roles: []Role{RolePool},
		Sentence: "With a bounded queue, a call over the bound fails at once with `busy`.",
	},
	{
		Name: "BPR-7", Level: Must, Since: 1, Roles: []Role{RolePool},
		Sentence: "As many calls as the bound allows do run at once.",
		Why:      "a pool that serialises everything would keep BPR-1 too.",
	},
	{
		Name: "BPR-8", Level: Must, Since: 3, Roles: []Role{RolePool},
		Sentence: "The bounds of BPR-1 and BPR-2 hold after every event, the death and the restart of a worker included.",
	},
	{
		Name: "BPR-9", Level: Must, Since: 3, Roles: []Role{RolePool},
		Sentence: "A caller that waits for a slot when a worker dies keeps waiting while another worker is healthy.",
	},
	{
		Name: "CAN-1", Level: Must, Since: 1, Roles: []Role{RolePool},
		Sentence: "When its context ends, Call returns promptly with the context's error, whether or not the worker reacts.",
	},
	{
		Name: "CAN-2", Level: Must, Since: 1, Roles: []Role{RolePool},
		Sentence: "A cancelled call sends a cancellation with the call's ID, in its envelope, and in the enhanced framing under that ID in the header.",
	},
	{
		Name: "CAN-3", Level: Must, Since: 1, Roles: []Role{RolePool},
		Sentence: "The late answer to a cancelled call is dropped, and calls beside and after it get their own answers.",
	},
	{
		Name: "CAN-4", Level: Must, Since: 1, Roles: []Role{RolePool},
		Sentence: "A pool does not count on an answer to a cancelled request.",
	},
	{
		Name: "CAN-5", Level: Must, Since: 1, Roles: []Role{RoleWorker},
		Sentence: "A cancellation reaches its handler while it runs.",
	},
	{
		Name: "CAN-6", Level: Must, Since: 1, Roles: []Role{RoleWorker},
		Sentence: "A cancellation is never answered itself, and one with an unknown, finished or unreadable ID is ignored.",
	},
	{
		Name: "CAN-7", Level: Must, Since: 1, Roles: []Role{RoleWorker},
		Sentence: "A cancellation reaches only the ID on its own connection.",
	},
	{
		Name: "CAN-8", Level: Should, Since: 1, Roles: []Role{RoleWorker},
		Sentence: "The handlers of a caller that went away are cancelled.",
	},
	{
		Name: "CAN-9", Level: Must, Since: 1, Roles: []Role{RoleWorker},
		Sentence: "The `reason` of a cancellation may be absent.",
	},
	{
		Name: "CAN-10", Level: Must, Since: 1, Roles: []Role{RolePool},
		Sentence: "A call that is cancelled while its request cannot be written returns promptly too.",
	},
	{
		Name: "CAN-11", Level: Must, Since: 3, Roles: []Role{RolePool},
		Sentence: "A call whose context has ended before it is made returns that context's error and sends nothing.",
	},
	{
		Name: "CAN-12", Level: Must, Since: 3, Roles: []Role{RolePool},
		Sentence: "Once its request was sent, a call ends by its answer, its context, the loss of its worker or connection, a violation, or Shutdown, and by nothing else: there is no time limit but one that was set or is documented.",
	},
	{
		Name: "HLT-1", Level: Must, Since: 1, Roles: []Role{RolePool},
		Sentence: "Each worker is checked on an interval by a real `health` call with a deadline.",
	},
	{
		Name: "HLT-2", Level: Must, Since: 1, Roles: []Role{RolePool},
		Sentence: "A worker that hangs counts as unhealthy.",
	},
	{
		Name: "HLT-3", Level: Must, Since: 1, Roles: []Role{RolePool},
		Sentence: "Health tells how many workers there are, how many are healthy, how many restarts there were and when the last check ended.",
	},
	{
		Name: "HLT-4", Level: Must, Since: 1, Roles: []Role{RolePool},
		Sentence: "A worker that dies fails only the calls that were on it, and calls go on elsewhere meanwhile.",
	},
	{
		Name: "HLT-5", Level: Must, Since: 1, Roles: []Role{RolePool},
		Sentence: "The error of a call whose worker died says so, and tells whether the request may have run.",
	},
	{
		Name: "HLT-6", Level: Should, Since: 1, Roles: []Role{RolePool},
		Sentence: "A worker that died is restarted, and takes calls again.",
	},
	{
		Name: "HLT-7", Level: Should, Since: 1, Roles: []Role{RolePool},
		Sentence: "Restarts back off exponentially with jitter.",
		Why:      "a worker that dies again and again must not take the machine with it, also one that starts well and dies soon after: the delay does not begin anew because a worker could be started, but once it has lasted as long as the longest delay. The first restart may come at once. A pool may give up; growth is looked for where there are six restarts or more, and seen where three of the last four delays are over three times the shortest of the first three.",
		Changes: []Change{
			{Version: 3, What: "It says when the delay between restarts may begin anew: once it has lasted as long as the longest delay, and not as soon as a worker could be started."},
		},
	},
	{
		Name: "HLT-8", Level: Must, Since: 1, Roles: []Role{RolePool},
		Sentence: "No call is silently sent twice.",
	},
	{
		Name: "HLT-9", Level: Must, Since: 3, Roles: []Role{RolePool},
		Sentence: "Health returns before a check that hangs has ended, in every state of the pool.",
	},
	{
		Name: "HLT-10", Level: Must, Since: 3, Roles: []Role{RolePool},
		Sentence: "The last check that Health tells is the last one that ended, well or badly.",
	},
	{
		Name: "HLT-11", Level: Must, Since: 3, Roles: []Role{RolePool},
		Sentence: "After Shutdown no worker is healthy, or Health fails with `closed`.",
	},
	{
		Name: "HLT-12", Level: Should, Since: 3, Roles: []Role{RolePool},
		Sentence: "A worker is checked while the check of another is unanswered.",
	},
	{
		Name: "HLT-13", Level: Should, Since: 3, Roles: []Role{RolePool},
		Sentence: "A worker that became healthy again is given calls again.",
	},
	{
		Name: "HLT-14", Level: Should, Since: 3, Roles: []Role{RolePool},
		Sentence: "Workers that died together are not restarted in step for ever.",
		Why:      "without jitter each of their restarts meets all the others again.",
	},
	{
		Name: "SHD-1", Level: Must, Since: 1, Roles: []Role{RolePool},
		Sentence: "After Shutdown began, new calls are refused with `closed`, also where no Start went well.",
		Why:      "whoever shuts a pool down must be able to rely on it, also where it shuts down all that it has without asking what was started.",
		Changes: []Change{
			{Version: 3, What: "It says that it holds where no Start went well. A pool that was never started could be taken for one that Shutdown leaves as it is."},
		},
	},
	{
		Name: "SHD-2", Level: Must, Since: 1, Roles: []Role{RolePool},
		Sentence: "Shutdown lets running calls finish until its context ends.",
	},
	{
		Name: "SHD-3", Level: Must, Since: 1, Roles: []Role{RolePool},
		Sentence: "Shutdown then stops the workers with SIGTERM, and with SIGKILL those that stay.",
	},
	{
		Name: "SHD-4", Level: Must, Since: 1, Roles: []Role{RolePool},
		Sentence: "When Shutdown has returned, every worker is reaped and every socket file removed.",
	},
	{
		Name: "SHD-5", Level: Must, Since: 1, Roles: []Role{RolePool},
		Sentence: "Shutdown is idempotent and safe beside any other call: no panic, no hang.",
	},
	{
		Name: "SHD-6", Level: Must, Since: 1, Roles: []Role{RolePool},
		Sentence: "When Shutdown has returned, every connection, goroutine and descriptor of the pool is given back.",
	},
	{
		Name: "SHD-7", Level: Must, Since: 3, Roles: []Role{RolePool},
		Sentence: "Any two of Start, Call, Health and Shutdown at the same time keep all clauses, and a Shutdown that begins when a Start has a worker running ends that Start.",
		Why:      "where neither has seen the other, either order is legal. Whether Start may follow Shutdown is left open.",
	},
	{
		Name: "SHD-8", Level: Must, Since: 3, Roles: []Role{RolePool},
		Sentence: "Of several Shutdowns at once, one whose context ends may hurry all or return its context's error; every other return means that nothing is left.",
	},
	{
		Name: "SHD-9", Level: Must, Since: 3, Roles: []Role{RolePool},
		Sentence: "In Shutdown a worker that got SIGTERM gets no SIGKILL before the stop timeout is over, unless Shutdown's context has ended.",
		Why:      "the worker was promised this time for its handlers (WRK-18). How soon a rollback or the replacement of a hung worker kills is free.",
	},
	{
		Name: "OUT-1", Level: Must, Since: 3, Roles: []Role{RolePool},
		Sentence: "A pool that pipes the output of its workers always reads it, during Start and Shutdown too, and keeps or drops it within a bound.",
		Why:      "a worker that writes to a full pipe stands still, in the middle of whatever it does.",
	},
	{
		Name: "OUT-2", Level: Must, Optional: true, Since: 3, Roles: []Role{RolePool},
		Sentence: "A user's writer for that output that blocks holds up no Call, Health, restart or Shutdown.",
	},
}
