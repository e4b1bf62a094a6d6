// JSON whose integers keep all their digits. JSON.parse reads numbers as doubles, which changes
// 2^53+1 and 2^64-1 without a word [MSG-5, MSG-7] and takes 1.0 and 1 for the same [MSG-10].

const utf8 = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });

/** The text of a message. Throws where the bytes are not JSON in UTF-8. */
export function textOf(bytes) {
  const text = utf8.decode(bytes);
  JSON.parse(text);
  return text;
}

/** The fields of an object, each as JSON text; null where the text, from textOf, is no object. */
export function fieldsOf(text) {
  let at = begin(text, 0);
  if (text[at] !== "{") return null;
  const fields = new Map();
  for (at = begin(text, at + 1); text[at] !== "}";) {
    const colon = end(text, at);
    const start = begin(text, colon);
    const stop = end(text, start);
    fields.set(JSON.parse(text.slice(at, colon)), text.slice(start, stop));
    at = begin(text, stop);
  }
  return fields;
}

/** The value of a text. Integers that a double may not hold come as BigInt, up to 64 bits. */
export function parse(text) {
  if (!/\d{16}/.test(text)) return JSON.parse(text);
  let at = 0;
  const value = () => {
    const start = (at = begin(text, at));
    if (text[at] === "[") return items("]", value);
    if (text[at] === "{") return Object.fromEntries(items("}", () => [value(), value()]));
    const token = text.slice(start, (at = end(text, at)));
    const long = /^-?\d{16,20}$/.test(token) && !Number.isSafeInteger(Number(token));
    return long ? BigInt(token) : JSON.parse(token);
  };
  const items = (close, item) => {
    const all = [];
    for (at = begin(text, at + 1); text[at] !== close; at = begin(text, at)) all.push(item());
    at++;
    return all;
  };
  return value();
}

/** The JSON text of a value. Throws where it has none: NaN, Infinity, functions, cycles [MSG-8]. */
export function stringify(value) {
  if (typeof value?.toJSON === "function") value = value.toJSON();
  if (typeof value === "string") return JSON.stringify(value);
  if (value === null || ["boolean", "bigint"].includes(typeof value) || Number.isFinite(value)) {
    return String(value);
  }
  if (Array.isArray(value)) return `[${value.map(stringify)}]`;
  if (typeof value !== "object") throw new TypeError(`${String(value)} is no JSON value`);
  const fields = Object.entries(value).filter(([, field]) => field !== undefined);
  return `{${fields.map(([name, field]) => `${JSON.stringify(name)}:${stringify(field)}`)}}`;
}

// Where the next value begins. The text is known to be well-formed: commas and colons say nothing.
function begin(text, at) {
  while (" \t\n\r,:".includes(text[at])) at++;
  return at;
}

// Where the value that begins here ends, however deep it is.
function end(text, at) {
  let depth = 0;
  do {
    if (text[at] === '"') {
      at = endOfString(text, at);
    } else if ("[]{}".includes(text[at])) {
      depth += "[{".includes(text[at++]) ? 1 : -1;
    } else {
      const stop = depth > 0 ? /["[\]{}]/g : /[\s,:\]}]|$/g;
      stop.lastIndex = at;
      at = stop.exec(text).index;
    }
  } while (depth > 0);
  return at;
}

function endOfString(text, start) {
  for (let quote = start; ;) {
    quote = text.indexOf('"', quote + 1);
    let before = quote;
    while (text[before - 1] === "\\") before--;
    if ((quote - before) % 2 === 0) return quote + 1; // an odd number of backslashes escapes it
  }
}
