//! Adapter between the conformance suite and your framer.
//!
//! Fill in the part under "Yours", compile it, and run it:
//!
//!     rustc -O --edition 2021 -o framer-adapter framer.rs
//!     pyproctest run --framer ./framer-adapter
//!
//! A part that is not written yet is reported as not offered, never as right. The rest of the file
//! implements conformance/ADAPTERS.md; you need not change it.

use std::cell::Cell;
use std::collections::VecDeque;
use std::hint::black_box;
use std::io::{self, Read, Write};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::Mutex;
use std::thread;
use std::time::Instant;

/// The name of a part that is not written yet.
struct NotWritten(&'static str);

/// An error of your framer: bad_magic, bad_length, too_large, truncated, bad_crc, or other for any
/// other, those of the stream included.
struct Failure {
    kind: &'static str,
    text: String,
}

/// Reads the next frame: its request ID, 0 in the basic framing, and its payload. None is a clean end.
type ReadFrame<'a> = Box<dyn FnMut() -> Result<Option<(u64, Vec<u8>)>, Failure> + 'a>;

/// Writes one frame, and returns when the stream has taken all of it.
type WriteFrame<'a> = Box<dyn Fn(u64, &[u8]) -> Result<(), Failure> + Sync + 'a>;

// --- Yours --------------------------------------------------------------------------------------

const NAME: &str = "my framer";

/// True if several threads may write to one framer at the same time. If they may not, put what
/// open_writer needs into a Mutex, since the suite does not share it then.
const THREADS_MAY_WRITE: bool = false;

/// Make your framer over the stream, and return what reads frames with it. max_payload is in bytes;
/// None asks for your default.
fn open_reader(
    _stream: Source<'_>,
    _basic: bool,
    _max_payload: Option<usize>,
) -> Result<ReadFrame<'_>, NotWritten> {
    Err(NotWritten("open_reader"))
}

/// Make your framer over the stream, and return what writes frames with it.
fn open_writer(
    _stream: Sink<'_>,
    _basic: bool,
    _max_payload: Option<usize>,
) -> Result<WriteFrame<'_>, NotWritten> {
    Err(NotWritten("open_writer"))
}

// --- The adapter protocol -----------------------------------------------------------------------

fn main() -> io::Result<()> {
    for line in io::stdin().lines() {
        let line = line?;
        let request = Object(parts(&line));
        let answer = match request.text("do") {
            "hello" => Ok(format!(r#""role":"framer","name":"{NAME}""#)),
            "decode" => decode(&request),
            "encode" => encode(&request),
            "measure" => measure(&request),
            other => Ok(format!(r#""refused":"unknown command {other}""#)),
        };
        let answer = answer.unwrap_or_else(|NotWritten(part)| {
            format!(r#""unsupported":"{part} in framer.rs is not written yet""#)
        });
        writeln!(io::stdout(), r#"{{"tag":{},{answer}}}"#, request.text("tag"))?;
    }
    Ok(())
}

fn decode(request: &Object) -> Result<String, NotWritten> {
    let chunks: Vec<_> = parts(request.text("chunks")).into_iter().map(unhex).collect();
    let (waiting, failed) = (Cell::new(false), Cell::new(false));
    let source = Source {
        chunks: chunks.iter().map(Vec::as_slice).collect(),
        then: request.text("then"),
        waiting: &waiting,
        failed: &failed,
        endless: None,
    };
    let mut read = open_reader(source, request.basic(), request.number("max_payload"))?;
    let again = request.number("again").unwrap_or(0);
    let mut over = 0; // reads since the first without a frame, that one counted
    let mut reads = Vec::new();
    while over <= again && reads.len() < 10_000 && !waiting.get() {
        let frame = read();
        over += usize::from(over > 0 || !matches!(frame, Ok(Some(_))));
        reads.push(match frame {
            _ if waiting.get() => r#"{"kind":"waiting"}"#.to_string(),
            Ok(Some((id, payload))) => {
                format!(r#"{{"kind":"frame","id":"{id}","payload":"{}"}}"#, hex(&payload))
            }
            Ok(None) => r#"{"kind":"eof"}"#.to_string(),
            Err(failure) => outcome(failure, failed.get()),
        });
    }
    Ok(format!(r#""reads":[{}]"#, reads.join(",")))
}

/// What your framer reads from.
struct Source<'a> {
    chunks: VecDeque<&'a [u8]>,
    then: &'a str,
    waiting: &'a Cell<bool>,
    failed: &'a Cell<bool>,
    endless: Option<(&'a [u8], usize)>, // what comes again and again, and how much of it has come
}

impl Read for Source<'_> {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        if let Some((block, at)) = &mut self.endless {
            let size = (&block[*at..]).read(into)?;
            *at = if *at + size < block.len() { *at + size } else { 0 };
            return Ok(size);
        }
        while let Some(chunk) = self.chunks.front_mut() {
            match chunk.read(into)? {
                0 if !into.is_empty() => self.chunks.pop_front(),
                size => return Ok(size),
            };
        }
        if self.then != "open" && self.then != "error" {
            return Ok(0);
        }
        self.waiting.set(self.then == "open");
        self.failed.set(true);
        Err(io::Error::other("the stream fails"))
    }
}

fn encode(request: &Object) -> Result<String, NotWritten> {
    let frames: Vec<_> = parts(request.text("frames")).into_iter().map(frame).collect();
    let writers = request.number("writers").unwrap_or(1);
    if writers > 1 && !THREADS_MAY_WRITE {
        return Ok(r#""unsupported":"one thread at a time may write""#.to_string());
    }
    let (writes, failed) = (Mutex::default(), AtomicBool::new(false));
    let accept = request.number("accept");
    let sink = Sink { writes: &writes, failed: &failed, accept, cut: false, measured: false };
    let write_frame = open_writer(sink, request.basic(), request.number("max_payload"))?;
    let results = Mutex::new(vec![String::new(); frames.len()]);
    let write = |first: usize| {
        for (i, (id, payload)) in frames.iter().enumerate().skip(first).step_by(writers) {
            let result = match write_frame(*id, payload) {
                Ok(()) => r#"{"kind":"ok"}"#.to_string(),
                Err(failure) => outcome(failure, failed.load(Ordering::SeqCst)),
            };
            results.lock().unwrap()[i] = result;
        }
    };
    let write = &write;
    thread::scope(|scope| (0..writers).for_each(|first| drop(scope.spawn(move || write(first)))));
    let (writes, results) = (writes.lock().unwrap(), results.lock().unwrap());
    Ok(format!(r#""writes":[{}],"results":[{}]"#, writes.join(","), results.join(",")))
}

/// What your framer writes to.
struct Sink<'a> {
    writes: &'a Mutex<Vec<String>>,
    failed: &'a AtomicBool,
    accept: Option<usize>,
    cut: bool, // the last write was cut short: the next one, which brings the rest, fails
    measured: bool, // what is written is not kept
}

impl Sink<'_> {
    fn fail(&self) -> io::Result<usize> {
        self.failed.store(true, Ordering::SeqCst);
        Err(io::Error::other("the stream takes no more"))
    }
}

impl Write for Sink<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        if self.measured {
            return Ok(black_box(bytes).len()); // to the compiler they are looked at, so it makes them
        }
        if std::mem::take(&mut self.cut) {
            return self.fail();
        }
        self.writes.lock().unwrap().push(format!(r#""{}""#, hex(bytes)));
        thread::yield_now(); // so that frames of several writes mix unless the framer prevents it
        let room = self.accept.unwrap_or(usize::MAX);
        if bytes.len() <= room {
            self.accept = self.accept.map(|accept| accept - bytes.len());
            return Ok(bytes.len());
        }
        self.accept = None;
        self.cut = room > 0;
        if self.cut {
            Ok(room)
        } else {
            self.fail()
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// Writes or reads frames in a loop and times it, for pyproctest bench.
fn measure(request: &Object) -> Result<String, NotWritten> {
    let (what, basic) = (request.text("what"), request.basic());
    let encodes = what == "encode";
    if !encodes && what != "decode" {
        return Ok(format!(r#""refused":"measure cannot {what}""#));
    }
    let size = request.number("size").unwrap_or(0);
    let count = request.number("count").unwrap_or(0);
    let payload = vec![b'x'; size];
    let (writes, failed) = (Mutex::default(), AtomicBool::new(false));
    let sink =
        |measured| Sink { writes: &writes, failed: &failed, accept: None, cut: false, measured };
    let written = open_writer(sink(false), basic, None)?(7, &payload);
    let one: Vec<_> = writes.lock().unwrap().iter().flat_map(|text| unhex(text)).collect();
    let block = one.repeat(32768 / one.len().max(1) + 1);
    let source = Source {
        chunks: VecDeque::new(),
        then: "eof",
        waiting: &Cell::new(false),
        failed: &Cell::new(false),
        endless: Some((&block, 0)),
    };
    let mut read_frame = open_reader(source, basic, None)?;
    let write_frame = open_writer(sink(true), basic, None)?;
    let id = if basic { 0 } else { 7 };
    let began = Instant::now();
    let frames = (0..count).try_for_each(|_| {
        if encodes {
            return write_frame(7, black_box(&payload));
        }
        match black_box(read_frame()?) {
            Some((got, read)) if got == id && read.len() == size => Ok(()),
            _ => Err(Failure { kind: "other", text: "another frame was read".to_string() }),
        }
    });
    let took = began.elapsed().as_nanos().max(1); // where the clock is coarse
    Ok(match written.and(frames) {
        Ok(()) => format!(r#""took_ns":{took}"#),
        Err(Failure { kind, text }) => format!(r#""failed":"{kind}: {}""#, plain(&text)),
    })
}

fn frame(text: &str) -> (u64, Vec<u8>) {
    let object = Object(parts(text));
    let id = object.text("id").parse().expect("an ID in decimal digits");
    (id, unhex(object.text("payload")))
}

fn outcome(failure: Failure, stream_failed: bool) -> String {
    let kind = if failure.kind == "other" && stream_failed { "io" } else { failure.kind };
    format!(r#"{{"kind":"{kind}","text":"{}"}}"#, plain(&failure.text))
}

/// The text without what JSON would escape.
fn plain(text: &str) -> String {
    text.replace(['"', '\\'], "'").replace(char::is_control, " ")
}

/// The names and values of a JSON object, in turn, each as its text.
struct Object<'a>(Vec<&'a str>);

impl<'a> Object<'a> {
    /// The text of a field, of a string what is between the quotes; "" where the field is absent.
    fn text(&self, name: &str) -> &'a str {
        let field = self.0.chunks(2).find(|field| bare(field[0]) == name);
        field.map_or("", |field| bare(field[1]))
    }

    fn number(&self, name: &str) -> Option<usize> {
        self.text(name).parse().ok()
    }

    fn basic(&self) -> bool {
        self.text("framing") == "basic"
    }
}

/// The items of a JSON array, or the names and values of an object, each as its text.
fn parts(text: &str) -> Vec<&str> {
    let mut parts = Vec::new();
    let (mut depth, mut start, mut in_string, mut escaped) = (0, 0, false, false);
    for (i, c) in text.bytes().enumerate() {
        match c {
            _ if escaped => escaped = false,
            b'\\' => escaped = true,
            b'"' => in_string = !in_string,
            _ if in_string => {}
            b'[' | b'{' => {
                depth += 1;
                start = if depth == 1 { i + 1 } else { start };
            }
            b',' | b':' | b']' | b'}' => {
                if depth == 1 {
                    parts.push(text[start..i].trim());
                    start = i + 1;
                }
                depth -= usize::from(c == b']' || c == b'}');
            }
            _ => {}
        }
    }
    parts.retain(|part| !part.is_empty()); // of an empty array
    parts
}

/// The text without the quotes of a string.
fn bare(text: &str) -> &str {
    text.strip_prefix('"').and_then(|text| text.strip_suffix('"')).unwrap_or(text)
}

fn unhex(text: &str) -> Vec<u8> {
    let digits = bare(text);
    let byte = |i| u8::from_str_radix(&digits[i..i + 2], 16).expect("hexadecimal digits");
    (0..digits.len()).step_by(2).map(byte).collect()
}

fn hex(bytes: &[u8]) -> String {
    let digit = |half: u8| char::from_digit(half.into(), 16).expect("half a byte");
    bytes.iter().flat_map(|byte| [digit(byte >> 4), digit(byte & 15)]).collect()
}
