//! Lets pyproctest drive the framer, as conformance/ADAPTERS.md says.

mod framer;

use framer::{Error, Frame, Framing, Reader, Writer, DEFAULT_MAX_PAYLOAD};
use std::io::{self, Read, Write};
use std::sync::{Barrier, Mutex};
use std::{cell::Cell, collections::VecDeque, hint::black_box, thread, time::Instant};

fn main() -> io::Result<()> {
    for line in io::stdin().lines() {
        let line = line?;
        let request = Object(parts(&line));
        let answer = match request.text("do") {
            "hello" => r#""role":"framer","name":"rust-framer""#.to_string(),
            "decode" => decode(&request),
            "encode" => encode(&request),
            "measure" => measure(&request).unwrap_or_else(|error| format!(r#""failed":"{error}""#)),
            other => format!(r#""refused":"unknown command {other}""#),
        };
        writeln!(io::stdout(), r#"{{"tag":{},{answer}}}"#, request.text("tag"))?;
    }
    Ok(())
}

fn decode(request: &Object) -> String {
    let chunks: Vec<_> = parts(request.text("chunks")).into_iter().map(unhex).collect();
    let chunks = chunks.iter().map(Vec::as_slice).collect();
    let waiting = Cell::new(false);
    let source = Source { chunks, then: request.text("then"), waiting: &waiting };
    let mut reader = Reader::new(source, request.framing(), request.max_payload());
    let mut over = 0; // reads since the first without a frame, that one counted
    let mut reads = Vec::new();
    while over <= request.number("again").unwrap_or(0) && reads.len() < 10_000 {
        let read = reader.read();
        over += usize::from(over > 0 || !matches!(read, Ok(Some(_))));
        reads.push(match read {
            _ if waiting.get() => r#"{"kind":"waiting"}"#.to_string(),
            Ok(Some(Frame { id, payload })) => {
                format!(r#"{{"kind":"frame","id":"{id}","payload":"{}"}}"#, hex(&payload))
            }
            Ok(None) => r#"{"kind":"eof"}"#.to_string(),
            Err(error) => outcome(&error),
        });
        if waiting.get() {
            break;
        }
    }
    format!(r#""reads":[{}]"#, reads.join(","))
}

/// A stream that brings the chunks, and then what `then` says.
struct Source<'a> {
    chunks: VecDeque<&'a [u8]>,
    then: &'a str,
    waiting: &'a Cell<bool>,
}

impl Read for Source<'_> {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        while let Some(chunk) = self.chunks.front_mut() {
            match chunk.read(into)? {
                0 => self.chunks.pop_front(),
                size => return Ok(size),
            };
        }
        self.waiting.set(self.then == "open");
        if self.then == "eof" {
            Ok(0)
        } else {
            Err(io::Error::other("the stream failed"))
        }
    }
}

fn encode(request: &Object) -> String {
    let frames: Vec<_> = parts(request.text("frames")).into_iter().map(frame).collect();
    let writers = request.number("writers").unwrap_or(1);
    let writes = Mutex::default();
    let sink = Sink { writes: &writes, accept: request.number("accept"), cut: false };
    let writer = Writer::new(sink, request.framing(), request.max_payload());
    let results = Mutex::new(vec![String::new(); frames.len()]);
    let start = Barrier::new(writers);
    let write = |first: usize| {
        start.wait();
        for (i, frame) in frames.iter().enumerate().skip(first).step_by(writers) {
            let ok = |()| r#"{"kind":"ok"}"#.to_string();
            let result = writer.write(frame).map_or_else(|error| outcome(&error), ok);
            results.lock().unwrap()[i] = result;
        }
    };
    thread::scope(|scope| (0..writers).for_each(|first| drop(scope.spawn(move || write(first)))));
    let (writes, results) = (writes.into_inner().unwrap(), results.into_inner().unwrap());
    format!(r#""writes":[{}],"results":[{}]"#, writes.join(","), results.join(","))
}

/// A stream that takes so many bytes and then fails once. Other writers get a turn after each write.
struct Sink<'a> {
    writes: &'a Mutex<Vec<String>>,
    accept: Option<usize>,
    cut: bool, // the last write was cut short: the next one, which brings the rest, fails
}

impl Write for Sink<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let failed = || Err(io::Error::other("the stream failed"));
        if std::mem::take(&mut self.cut) {
            return failed();
        }
        self.writes.lock().unwrap().push(format!(r#""{}""#, hex(bytes)));
        thread::yield_now();
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
            failed()
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// Writes or reads frames in a loop and times it, for pyproctest bench.
fn measure(request: &Object) -> Result<String, Error> {
    let what = request.text("what");
    let encodes = what == "encode";
    if !encodes && what != "decode" {
        return Ok(format!(r#""refused":"measure cannot {what}""#));
    }
    let (framing, limit) = (request.framing(), request.max_payload());
    let size = request.number("size").unwrap_or(0);
    let count = request.number("count").unwrap_or(0);
    let frame = Frame { id: 7, payload: vec![b'x'; size] };
    let id = if framing == Framing::Basic { 0 } else { frame.id };
    let mut block = Vec::new();
    while block.len() < 32768 {
        Writer::new(&mut block, framing, limit).write(&frame)?;
    }
    let mut reader = Reader::new(Endless { block: &block, at: 0 }, framing, limit);
    let writer = Writer::new(Nowhere, framing, limit);
    let began = Instant::now();
    for _ in 0..count {
        if encodes {
            writer.write(black_box(&frame))?;
            continue;
        }
        match black_box(reader.read()?) {
            Some(read) if read.id == id && read.payload.len() == size => {}
            _ => return Ok(r#""failed":"another frame was read""#.to_string()),
        }
    }
    let took = began.elapsed().as_nanos().max(1); // where the clock is coarse
    Ok(format!(r#""took_ns":{took}"#))
}

/// A stream on which the block comes again and again.
struct Endless<'a> {
    block: &'a [u8],
    at: usize,
}

impl Read for Endless<'_> {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        let size = (&self.block[self.at..]).read(into)?;
        self.at = if self.at + size < self.block.len() { self.at + size } else { 0 };
        Ok(size)
    }
}

/// A stream that takes everything. To the compiler it looks at the bytes, or they would not be made.
struct Nowhere;

impl Write for Nowhere {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        Ok(black_box(bytes).len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

fn frame(text: &str) -> Frame {
    let object = Object(parts(text));
    let id = object.text("id").parse().expect("an ID in decimal digits");
    Frame { id, payload: unhex(object.text("payload")) }
}

fn outcome(error: &Error) -> String {
    format!(r#"{{"kind":"{}","text":"{error}"}}"#, error.kind())
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

    fn framing(&self) -> Framing {
        if self.text("framing") == "basic" {
            Framing::Basic
        } else {
            Framing::Enhanced
        }
    }

    fn max_payload(&self) -> usize {
        self.number("max_payload").unwrap_or(DEFAULT_MAX_PAYLOAD)
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
