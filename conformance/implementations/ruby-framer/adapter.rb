# frozen_string_literal: true

# Lets pyproctest drive the framer, as conformance/ADAPTERS.md says.

require 'json'
require_relative 'framer'

# The stream fails because the suite asked for it.
class StreamError < StandardError; end

# The framer asks for more bytes than there will ever be.
class Waiting < StandardError; end

# What the framer reads from: the chunks of the request, and then what "then" says.
class Source
  def initialize(request)
    @chunks = request['chunks'].map { |chunk| [chunk].pack('H*') }.reject(&:empty?)
    @then = request['then']
  end

  def readpartial(length)
    ending if @chunks.empty?
    bytes = @chunks.first.slice!(0, length)
    @chunks.shift if @chunks.first.empty?
    bytes
  end

  private

  def ending
    raise Waiting if @then == 'open'
    raise StreamError, 'the stream failed' if @then == 'error'

    raise EOFError
  end
end

# What the framer writes to: it takes "accept" bytes in all.
class Sink
  attr_reader :writes

  def initialize(request)
    @accept = request.fetch('accept', Float::INFINITY)
    @writes = []
  end

  def write(bytes)
    @writes << bytes.unpack1('H*')
    Thread.pass # so that frames of several writes mix unless the framer prevents it
    fits = bytes.bytesize <= @accept
    @accept = fits ? @accept - bytes.bytesize : Float::INFINITY
    raise StreamError, 'the stream takes no more' unless fits

    bytes.bytesize
  end
end

# What a measured framer works on: bytes that come again and again, and a sink that keeps nothing.
class Endless
  def initialize(frame)
    @block = frame * (32_768.0 / frame.bytesize).ceil
    @at = 0
  end

  def readpartial(length)
    bytes = @block.byteslice(@at, length)
    @at = (@at + bytes.bytesize) % @block.bytesize
    bytes
  end

  def write(bytes)
    bytes.bytesize
  end
end

def framer_of(request, stream)
  options = { framing: request['framing'].to_sym, max_payload: request['max_payload'] }.compact
  PyProc::Framer.new(stream, **options)
end

# Returns what the block returns, or the outcome that its error stands for.
def outcome
  yield
rescue PyProc::FrameError => e
  { kind: e.kind, text: e.message }
rescue Waiting
  { kind: 'waiting' }
rescue StreamError => e
  { kind: 'io', text: e.message }
rescue StandardError => e
  { kind: 'other', text: e.full_message(highlight: false) }
end

def decode(request)
  framer = framer_of(request, Source.new(request))
  reads = []
  left = 1 + request.fetch('again', 0)
  while left.positive? && reads.size < 10_000
    reads << outcome { frame(framer.read) }
    break if reads.last[:kind] == 'waiting'

    left -= 1 unless left > request.fetch('again', 0) && reads.last[:kind] == 'frame'
  end
  { reads: reads }
end

def frame(read)
  read ? { kind: 'frame', id: read.id.to_s, payload: read.payload.unpack1('H*') } : { kind: 'eof' }
end

def encode(request)
  sink = Sink.new(request)
  framer = framer_of(request, sink)
  frames = request['frames']
  results = Array.new(frames.size)
  writers = request.fetch('writers', 1)
  threads = Array.new(writers) do |first|
    Thread.new do
      first.step(frames.size - 1, writers) { |i| results[i] = write(framer, frames[i]) }
    end
  end
  threads.each(&:join)
  { writes: sink.writes, results: results }
end

def write(framer, frame)
  outcome do
    framer.write(Integer(frame['id'], 10), [frame['payload']].pack('H*'))
    { kind: 'ok' }
  end
end

# Writes or reads frames in a loop and times it, for pyproctest bench.
def measure(request)
  return { refused: "measure cannot #{request['what']}" } unless %w[encode decode].include?(request['what'])

  payload = 'x'.b * request['size']
  sink = Sink.new({})
  framer_of(request, sink).write(7, payload)
  framer = framer_of(request, Endless.new([sink.writes.join].pack('H*')))
  began = now
  request['count'].times { request['what'] == 'encode' ? framer.write(7, payload) : read_again(framer, request) }
  { took_ns: now - began }
rescue StandardError => e
  { failed: e.message }
end

def read_again(framer, request)
  read = framer.read
  right = read.payload.bytesize == request['size'] && read.id == (request['framing'] == 'basic' ? 0 : 7)
  raise 'another frame was read than is on the stream' unless right
end

def now
  Process.clock_gettime(Process::CLOCK_MONOTONIC, :nanosecond)
end

def answer(request)
  case request['do']
  when 'hello' then { role: 'framer', name: 'ruby-framer' }
  when 'decode' then decode(request)
  when 'encode' then encode(request)
  when 'measure' then measure(request)
  else { refused: "unknown command #{request['do']}" }
  end
end

$stdout.sync = true
$stdin.each_line do |line|
  request = JSON.parse(line)
  $stdout.write("#{JSON.generate(answer(request).merge(tag: request['tag']))}\n")
end
