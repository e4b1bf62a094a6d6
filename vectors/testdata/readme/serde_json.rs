//! As much of the crate serde_json as the Rust snippet of README.md uses, so that the test needs no network.
//! `make release-check` runs the snippet with the crate itself.

pub enum Value {
    Null,
    Bool(bool),
    Number(f64),
    String(String),
    Array(Vec<Value>),
    Object(Vec<(String, Value)>),
}

impl Value {
    pub fn as_str(&self) -> Option<&str> {
        if let Value::String(s) = self { Some(s) } else { None }
    }

    pub fn as_u64(&self) -> Option<u64> {
        if let Value::Number(n) = self { Some(*n as u64) } else { None }
    }

    pub fn as_array(&self) -> Option<&Vec<Value>> {
        if let Value::Array(a) = self { Some(a) } else { None }
    }
}

impl std::ops::Index<&str> for Value {
    type Output = Value;

    fn index(&self, key: &str) -> &Value {
        match self {
            Value::Object(fields) => fields.iter().find(|(name, _)| name == key).map_or(&Value::Null, |(_, v)| v),
            _ => &Value::Null,
        }
    }
}

#[derive(Debug)]
pub struct Error(pub usize);

pub fn from_str(text: &str) -> Result<Value, Error> {
    let mut reader = Reader { text: text.as_bytes(), at: 0 };
    let value = reader.value()?;
    reader.space();
    if reader.at == text.len() { Ok(value) } else { Err(Error(reader.at)) }
}

struct Reader<'a> {
    text: &'a [u8],
    at: usize,
}

impl Reader<'_> {
    fn space(&mut self) {
        while self.text.get(self.at).is_some_and(u8::is_ascii_whitespace) {
            self.at += 1;
        }
    }

    fn takes(&mut self, word: &str) -> bool {
        self.space();
        let found = self.text[self.at..].starts_with(word.as_bytes());
        if found {
            self.at += word.len();
        }
        found
    }

    fn value(&mut self) -> Result<Value, Error> {
        if self.takes("{") {
            let mut fields = Vec::new();
            while !self.takes("}") {
                self.takes(",");
                self.takes("\"");
                let name = self.string()?;
                self.takes(":");
                fields.push((name, self.value()?));
            }
            return Ok(Value::Object(fields));
        }
        if self.takes("[") {
            let mut items = Vec::new();
            while !self.takes("]") {
                self.takes(",");
                items.push(self.value()?);
            }
            return Ok(Value::Array(items));
        }
        if self.takes("\"") {
            return self.string().map(Value::String);
        }
        for (word, value) in [("null", Value::Null), ("true", Value::Bool(true)), ("false", Value::Bool(false))] {
            if self.takes(word) {
                return Ok(value);
            }
        }
        let start = self.at;
        while self.text.get(self.at).is_some_and(|c| b"+-.0123456789eE".contains(c)) {
            self.at += 1;
        }
        let digits = std::str::from_utf8(&self.text[start..self.at]).map_err(|_| Error(start))?;
        digits.parse().map(Value::Number).map_err(|_| Error(start))
    }

    // What stands behind a quotation mark, to the next one.
    fn string(&mut self) -> Result<String, Error> {
        let mut bytes = Vec::new();
        loop {
            let c = *self.text.get(self.at).ok_or(Error(self.at))?;
            self.at += 1;
            match c {
                b'"' => return String::from_utf8(bytes).map_err(|_| Error(self.at)),
                b'\\' => {
                    let escaped = *self.text.get(self.at).ok_or(Error(self.at))?;
                    self.at += 1;
                    match escaped {
                        b'u' => {
                            let digits = self.text.get(self.at..self.at + 4).ok_or(Error(self.at))?;
                            let digits = std::str::from_utf8(digits).map_err(|_| Error(self.at))?;
                            let code = u32::from_str_radix(digits, 16).map_err(|_| Error(self.at))?;
                            let character = char::from_u32(code).unwrap_or(char::REPLACEMENT_CHARACTER);
                            bytes.extend(character.to_string().bytes());
                            self.at += 4;
                        }
                        b'n' => bytes.push(b'\n'),
                        b't' => bytes.push(b'\t'),
                        b'r' => bytes.push(b'\r'),
                        other => bytes.push(other),
                    }
                }
                _ => bytes.push(c),
            }
        }
    }
}
