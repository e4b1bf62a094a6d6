# frozen_string_literal: true

# A framer for the PyProc protocol: frames to bytes, bytes to frames, in both framings.
# Names in brackets are the clauses of SPEC.md.
module PyProc
  DEFAULT_MAX_PAYLOAD = 10_485_760 # [FRM-13]

  # A framing error; kind is one of the names that SPEC.md gives, as a symbol.
  class FrameError < StandardError
    attr_reader :kind

    def initialize(kind, text)
      super("#{kind}: #{text}")
      @kind = kind
    end
  end

  # In the basic framing the ID is 0, whatever was written [FRM-4].
  Frame = Struct.new(:id, :payload)

  # Reads and writes frames over an IO, or anything else with readpartial(length) and write(bytes),
  # which takes all bytes or raises. One thread may read while many write [STR-8].
  class Framer
    def initialize(stream, framing: :enhanced, max_payload: DEFAULT_MAX_PAYLOAD)
      raise ArgumentError, "no framing is called #{framing}" unless %i[enhanced basic].include?(framing)

      @stream = stream
      @basic = framing == :basic
      @max_payload = max_payload
      @read_failure = nil
      @write_failure = nil
      @writing = Mutex.new
    end

    # Returns the next frame, or nil at the end of the stream [STR-1]. After an error every later read
    # raises the same one [STR-3]. An error of the stream itself passes as it is [STR-10].
    def read
      raise @read_failure if @read_failure

      read_frame
    rescue StandardError => e
      @read_failure = e
      raise
    end

    # Returns when the stream has taken the whole frame. Threads may write at the same time [STR-5]. When
    # one write has failed they all do [STR-6], but a frame over the limit never gets that far [FRM-12].
    def write(id, payload)
      refuse_over_limit(payload.bytesize)
      frame = header_of(id, payload) << payload
      @writing.synchronize do
        raise @write_failure if @write_failure

        put(frame)
      end
    end

    private

    def put(frame)
      @stream.write(frame)
    rescue StandardError => e
      @write_failure = e
      raise
    end

    def header_of(id, payload)
      return [payload.bytesize].pack('N') if @basic

      [0x5059, 18 + payload.bytesize, id, PyProc.crc32c(payload)].pack('nNQ>N') # [FRM-1, FRM-2]
    end

    def read_frame
      header = take(@basic ? 4 : 18)
      return nil if header.empty?

      id, size, crc = @basic ? parse_basic(header) : parse_enhanced(header)
      refuse_over_limit(size)
      payload = take(size)
      refuse(:truncated, 'the stream ended inside a payload') if payload.bytesize < size
      refuse(:bad_crc, "the payload under ID #{id} is damaged") if crc && crc != PyProc.crc32c(payload)

      Frame.new(id, payload)
    end

    # Each error here is found in the header alone [FRM-10], in the order of FRM-9.
    def parse_enhanced(header)
      magic = header[0, 2]
      refuse(:bad_magic, "#{magic.unpack1('H*')} in place of 5059") unless 'PY'.start_with?(magic)
      refuse(:truncated, 'the stream ended inside a header') if header.bytesize < 18

      _, length, id, crc = header.unpack('nNQ>N')
      refuse(:bad_length, "#{length}, below the 18 of the header") if length < 18

      [id, length - 18, crc]
    end

    def parse_basic(header)
      refuse(:truncated, 'the stream ended inside a header') if header.bytesize < 4

      [0, header.unpack1('N'), nil]
    end

    def refuse_over_limit(size)
      refuse(:too_large, "#{size} bytes, over the limit of #{@max_payload}") if size > @max_payload # [FRM-8]
    end

    def refuse(kind, text)
      raise FrameError.new(kind, text)
    end

    # Returns so many bytes, or fewer at the end of the stream. Memory grows with what has arrived [FRM-11].
    def take(size)
      bytes = String.new(encoding: Encoding::BINARY)
      bytes << @stream.readpartial([size - bytes.bytesize, 65_536].min) while bytes.bytesize < size
      bytes
    rescue EOFError
      bytes
    end
  end

  CRC_TABLE = Array.new(256) do |byte|
    8.times.reduce(byte) { |value, _| value.odd? ? value >> 1 ^ 0x82F63B78 : value >> 1 }
  end.freeze
  private_constant :CRC_TABLE

  # Returns the CRC32C of the bytes [CRC-1].
  def self.crc32c(bytes)
    crc = 0xFFFFFFFF
    bytes.each_byte { |byte| crc = CRC_TABLE[(crc ^ byte) & 0xFF] ^ crc >> 8 }
    crc ^ 0xFFFFFFFF
  end
end
