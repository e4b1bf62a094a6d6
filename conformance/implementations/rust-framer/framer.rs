//! A framer for the PyProc protocol: frames to bytes, bytes to frames, in both framings.
//! Names in brackets are the clauses of SPEC.md.

use std::fmt;
use std::io::{self, Read, Write};
use std::sync::{Arc, Mutex};

pub const DEFAULT_MAX_PAYLOAD: usize = 10_485_760; // [FRM-13]

#[derive(Clone, Copy, PartialEq)]
pub enum Framing {
    Enhanced,
    Basic,
}

/// One frame. In the basic framing the ID is 0.
pub struct Frame {
    pub id: u64,
    pub payload: Vec<u8>,
}

#[derive(Clone, Debug)]
pub enum Error {
    BadMagic([u8; 2]),
    BadLength(u64),
    TooLarge { size: u64, limit: usize },
    Truncated,
    BadCrc { id: u64 },
    Io(Arc<io::Error>),
}

/// Reads frames.
pub struct Reader<R> {
    stream: R,
    framing: Framing,
    max_payload: usize,
    failure: Option<Error>,
}

/// Writes frames, from as many threads as you like.
pub struct Writer<W> {
    stream: Mutex<(W, Option<Error>)>,
    framing: Framing,
    max_payload: usize,
}

impl<R: Read> Reader<R> {
    /// The stream is read in small pieces: a `BufReader` does it good.
    pub fn new(stream: R, framing: Framing, max_payload: usize) -> Self {
        Reader { stream, framing, max_payload, failure: None }
    }

    /// The next frame, or `None` at the end of the stream. After an error every later read returns
    /// the same one [STR-3].
    pub fn read(&mut self) -> Result<Option<Frame>, Error> {
        if let Some(failure) = &self.failure {
            return Err(failure.clone());
        }
        self.next().inspect_err(|failure| self.failure = Some(failure.clone()))
    }

    // The checks stand in the order of [FRM-9].
    fn next(&mut self) -> Result<Option<Frame>, Error> {
        let enhanced = self.framing == Framing::Enhanced;
        let header_size = if enhanced { 18 } else { 4 };
        let header = self.bytes(header_size)?;
        if header.is_empty() {
            return Ok(None); // [STR-1]
        }
        if header.len() < header_size {
            return Err(Error::Truncated);
        }
        if enhanced && header[..2] != *b"PY" {
            return Err(Error::BadMagic([header[0], header[1]]));
        }
        let number = |from, to| header[from..to].iter().fold(0, |n, b| n << 8 | u64::from(*b));
        let (length, counted) = if enhanced { (number(2, 6), 18) } else { (number(0, 4), 0) };
        let size = length.checked_sub(counted).ok_or(Error::BadLength(length))?; // [FRM-2, FRM-7]
        if size > self.max_payload as u64 {
            return Err(Error::TooLarge { size, limit: self.max_payload });
        }
        let payload = self.bytes(size as usize)?;
        if (payload.len() as u64) < size {
            return Err(Error::Truncated);
        }
        let id = if enhanced { number(6, 14) } else { 0 };
        if enhanced && number(14, 18) != u64::from(crc32c(&payload)) {
            return Err(Error::BadCrc { id });
        }
        Ok(Some(Frame { id, payload }))
    }

    // So many bytes, or as many as there were. The vector grows as they arrive [FRM-11].
    fn bytes(&mut self, size: usize) -> io::Result<Vec<u8>> {
        let mut bytes = Vec::new();
        self.stream.by_ref().take(size as u64).read_to_end(&mut bytes)?;
        Ok(bytes)
    }
}

impl<W: Write> Writer<W> {
    pub fn new(stream: W, framing: Framing, max_payload: usize) -> Self {
        Writer { stream: Mutex::new((stream, None)), framing, max_payload }
    }

    /// Writes one frame, in one piece [STR-5]. A payload over the limit is refused, and no harm done
    /// [FRM-12]; when the stream has failed, every later write returns the same error [STR-6].
    pub fn write(&self, frame: &Frame) -> Result<(), Error> {
        let size = frame.payload.len();
        if size > self.max_payload {
            return Err(Error::TooLarge { size: size as u64, limit: self.max_payload });
        }
        let mut bytes = Vec::with_capacity(18 + size);
        if self.framing == Framing::Enhanced {
            bytes.extend(b"PY");
            bytes.extend((18 + size as u32).to_be_bytes()); // [FRM-2]
            bytes.extend(frame.id.to_be_bytes());
            bytes.extend(crc32c(&frame.payload).to_be_bytes());
        } else {
            bytes.extend((size as u32).to_be_bytes());
        }
        bytes.extend(&frame.payload);
        let mut guard = self.stream.lock().expect("no write has panicked");
        let (stream, failure) = &mut *guard;
        if let Some(failure) = failure {
            return Err(failure.clone());
        }
        let written = stream.write_all(&bytes).and_then(|()| stream.flush()).map_err(Error::from);
        written.inspect_err(|error| *failure = Some(error.clone()))
    }
}

impl From<io::Error> for Error {
    fn from(error: io::Error) -> Self {
        Error::Io(Arc::new(error))
    }
}

impl Error {
    /// The name that SPEC.md gives the kind of a framing error, `io` where the stream failed.
    pub fn kind(&self) -> &'static str {
        match self {
            Error::BadMagic(_) => "bad_magic",
            Error::BadLength(_) => "bad_length",
            Error::TooLarge { .. } => "too_large",
            Error::Truncated => "truncated",
            Error::BadCrc { .. } => "bad_crc",
            Error::Io(_) => "io",
        }
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        write!(f, "{}: ", self.kind())?;
        match self {
            Error::BadMagic([a, b]) => write!(f, "{a:02x}{b:02x} in place of 5059"),
            Error::BadLength(length) => write!(f, "{length}, below the 18 of the header"),
            Error::TooLarge { size, limit } => write!(f, "{size} bytes, over the limit of {limit}"),
            Error::Truncated => write!(f, "the stream ended inside a frame"),
            Error::BadCrc { id } => write!(f, "the payload under request ID {id} is damaged"),
            Error::Io(error) => error.fmt(f),
        }
    }
}

impl std::error::Error for Error {}

/// CRC32C [CRC-1].
pub fn crc32c(bytes: &[u8]) -> u32 {
    !bytes.iter().fold(!0, |crc, byte| TABLE[usize::from(crc as u8 ^ byte)] ^ crc >> 8)
}

const TABLE: [u32; 256] = {
    let mut table = [0; 256];
    let mut i = 0;
    while i < 256 * 8 {
        let crc = if i % 8 == 0 { i as u32 / 8 } else { table[i / 8] };
        table[i / 8] = crc >> 1 ^ if crc & 1 == 1 { 0x82F63B78 } else { 0 };
        i += 1;
    }
    table
};
