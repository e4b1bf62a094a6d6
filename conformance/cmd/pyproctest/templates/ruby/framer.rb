# frozen_string_literal: true

# Adapter between the conformance suite and your framer.
#
# Fill in the part under "Yours" and run
#
#     pyproctest run --framer 'ruby framer.rb'
#
# A part that is not written yet is reported as not offered, never as right. The rest of the file
# implements conformance/ADAPTERS.md; you need not change it.

require 'json'

# A part under "Yours" is not written yet.
class NotWritten < StandardError; end

# --- Yours ----------------------------------------------------------------------------------------

NAME = 'my framer'

# True if several threads may write to one framer at the same time.
THREADS_MAY_WRITE = false

# Make your framer over the stream, which has readpartial(length), read(length) and write(bytes).
# framing is :enhanced or :basic. max_payload is in bytes; nil asks for your default.
def open_framer(_stream, _framing, _max_payload)
  raise NotWritten, 'open_framer'
end

# Read the next frame: its request ID, 0 in the basic framing, and its payload, as an array of two.
# Return nil at a clean end. Do not rescue your framer's errors: error_kind names them.
def read_frame(_framer)
  raise NotWritten, 'read_frame'
end

# Write one frame and return when the stream has taken all of it.
def write_frame(_framer, _id, _payload)
  raise NotWritten, 'write_frame'
end

# Name an error of your framer: bad_magic, bad_length, too_large, truncated, bad_crc or other.
def error_kind(_error)
  'other'
end

# --- The adapter protocol -------------------------------------------------------------------------

# The stream fails, because the suite asked for it.
class StreamError < IOError; end

# The framer asks for more bytes than there will ever be.
class Waiting < StandardError; end

# What the framer reads from and writes to.
class Stream
  attr_reader :waited, :writes

  def initialize(request)
    @chunks = request.fetch('chunks', []).map { |chunk| [chunk].pack('H*') }.reject(&:empty?)
    @then = request.fetch('then', 'eof')
    @accept = request['accept']
    @waited = false
    @writes = []
  end

  # Returns bytes of one chunk, length of them at most, and raises EOFError at the end.
  def readpartial(length)
    ending if @chunks.empty?
    bytes = @chunks.first.slice!(0, length)
    @chunks.shift if @chunks.first.empty?
    bytes
  end

  # Returns length bytes, or fewer at the end, and nil if there is none, as IO#read does.
  def read(length)
    bytes = String.new(encoding: Encoding::BINARY)
    bytes << readpartial(length - bytes.bytesize) while bytes.bytesize < length
    bytes
  rescue EOFError
    bytes.empty? && length.positive? ? nil : bytes
  end

  # Takes the bytes, or fails when they are more than the suite lets the stream take.
  def write(bytes)
    @writes << bytes.unpack1('H*')
    Thread.pass # so that frames of several writes mix unless the framer prevents it
    return bytes.bytesize unless @accept

    @accept -= bytes.bytesize
    return bytes.bytesize unless @accept.negative?

    @accept = nil
    raise StreamError, 'the stream takes no more'
  end

  def flush
    self
  end

  private

  def ending
    raise EOFError if @then == 'eof'
    raise StreamError, 'the stream fails' if @then == 'error'

    @waited = true
    raise Waiting
  end
end

# What a measured framer works on: bytes that come again and again, and a sink that keeps nothing.
class Endless
  def initialize(frame)
    @block = frame * (32_768.0 / frame.bytesize).ceil
    @at = 0
  end

  # Returns length bytes, or those up to the end of the block.
  def readpartial(length)
    bytes = @block.byteslice(@at, length)
    @at = (@at + bytes.bytesize) % @block.bytesize
    bytes
  end

  # Returns length bytes.
  def read(length)
    bytes = readpartial(length)
    bytes << readpartial(length - bytes.bytesize) while bytes.bytesize < length
    bytes
  end

  def write(bytes)
    bytes.bytesize
  end

  def flush
    self
  end
end

# Returns what the block returns, or the outcome that its error stands for.
def outcome(stream)
  result = yield
  stream.waited ? { kind: 'waiting' } : result
rescue NotWritten
  raise
rescue StandardError => e
  return { kind: 'waiting' } if stream.waited

  cause = e
  cause = cause.cause until cause.nil? || cause.is_a?(StreamError)
  kind = error_kind(e).to_s
  { kind: kind == 'other' && cause ? 'io' : kind, text: "#{e.class}: #{e.message}" }
end

def framer_over(stream, request)
  open_framer(stream, request['framing'].to_sym, request['max_payload'])
end

def read_once(framer, stream)
  outcome(stream) do
    id, payload = read_frame(framer)
    id ? { kind: 'frame', id: id.to_s, payload: payload.unpack1('H*') } : { kind: 'eof' }
  end
end

def decode(request)
  stream = Stream.new(request)
  framer = framer_over(stream, request)
  reads = [read_once(framer, stream)]
  reads << read_once(framer, stream) while reads.last[:kind] == 'frame' && reads.size < 10_000
  request.fetch('again', 0).times do
    break if reads.last[:kind] == 'waiting'

    reads << read_once(framer, stream)
  end
  { reads: reads }
end

def write_once(framer, stream, frame)
  outcome(stream) do
    write_frame(framer, Integer(frame['id'], 10), [frame['payload']].pack('H*'))
    { kind: 'ok' }
  end
end

def encode(request)
  stream = Stream.new(request)
  frames = request['frames']
  writers = request.fetch('writers', 1)
  return { unsupported: 'one thread at a time may write' } if writers > 1 && !THREADS_MAY_WRITE

  framer = framer_over(stream, request)
  results = Array.new(frames.size)
  threads = Array.new(writers) do |first|
    Thread.new do
      Thread.current.report_on_exception = false
      first.step(frames.size - 1, writers) { |i| results[i] = write_once(framer, stream, frames[i]) }
    end
  end
  threads.each(&:join)
  { writes: stream.writes, results: results }
end

# Writes or reads frames in a loop and times it, for pyproctest bench.
def measure(request)
  return { refused: "measure cannot #{request['what']}" } unless %w[encode decode].include?(request['what'])

  payload = 'x'.b * request['size']
  stream = Stream.new({})
  write_frame(framer_over(stream, request), 7, payload)
  framer = framer_over(Endless.new([stream.writes.join].pack('H*')), request)
  began = now
  request['count'].times { request['what'] == 'encode' ? write_frame(framer, 7, payload) : read_again(framer, request) }
  { took_ns: now - began }
rescue NotWritten
  raise
rescue StandardError => e
  { failed: e.message }
end

def read_again(framer, request)
  id, payload = read_frame(framer)
  right = payload.bytesize == request['size'] && id == (request['framing'] == 'basic' ? 0 : 7)
  raise 'another frame was read than is on the stream' unless right
end

def now
  Process.clock_gettime(Process::CLOCK_MONOTONIC, :nanosecond)
end

def answer(request)
  case request['do']
  when 'hello' then { role: 'framer', name: NAME }
  when 'decode' then decode(request)
  when 'encode' then encode(request)
  when 'measure' then measure(request)
  else { refused: "unknown command #{request['do']}" }
  end
rescue NotWritten => e
  { unsupported: "#{e.message} in framer.rb is not written yet" }
end

$stdout.sync = true
$stdin.each_line do |line|
  request = JSON.parse(line)
  $stdout.write("#{JSON.generate({ tag: request['tag'], **answer(request) })}\n")
end
