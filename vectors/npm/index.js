import fs from "node:fs";

const read = (name) => JSON.parse(fs.readFileSync(new URL(`./${name}.json`, import.meta.url), "utf8"));

const fromHex = (text) => Uint8Array.from(Buffer.from(text, "hex"));

/** All vectors of this package. */
export function load() {
  const files = Object.fromEntries(["enhanced", "basic", "streams", "messages"].map((name) => [name, read(name)]));
  const set = {
    version: files.enhanced.version,
    enhanced: files.enhanced.tests.map(frameVector),
    basic: files.basic.tests.map(frameVector),
    streams: files.streams.tests.map(frameVector),
    messages: files.messages.tests.map(messageVector),
  };
  return { ...set, frames: () => [...set.enhanced, ...set.basic, ...set.streams] };
}

/** Every version of the vectors, the newest last. */
export const history = () =>
  read("history").versions.map(({ version, added, changed = {}, removed = {} }) => ({ version, added, changed, removed }));

/** The JSON Schema of the files. */
export const schema = () => read("schema");

const frameVector = ({ result, ...v }) => ({
  ...v,
  bytes: fromHex(v.bytes),
  frames: v.frames.map(({ id, payload }) => ({ id: BigInt(id), payload: fromHex(payload) })),
});

const messageVector = (v) => ({
  ...v,
  bytes: fromHex(v.bytes),
  headerId: BigInt(v.headerId),
  ...(v.id !== undefined && { id: BigInt(v.id) }),
  ...(v.answerIds && { answerIds: { enhanced: v.answerIds.enhanced.map(BigInt), basic: v.answerIds.basic.map(BigInt) } }),
});
