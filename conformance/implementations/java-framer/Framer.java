import java.io.IOException;
import java.io.InputStream;
import java.io.OutputStream;
import java.nio.ByteBuffer;
import java.util.zip.CRC32C;

/**
 * Reads and writes the frames of the PyProc protocol. One thread reads, and any number write. Names
 * in brackets are the clauses of SPEC.md.
 */
public final class Framer {
    public static final int DEFAULT_MAX_PAYLOAD = 10485760; // [FRM-13]

    public enum Framing {
        ENHANCED(18),
        BASIC(4);

        private final int headerSize;

        Framing(int headerSize) {
            this.headerSize = headerSize;
        }
    }

    /** One frame. The ID is unsigned, and 0 in the basic framing. */
    public record Frame(long id, byte[] payload) {}

    /** What is wrong with a frame, by the names that SPEC.md gives. */
    public enum Kind {
        BAD_MAGIC,
        BAD_LENGTH,
        TOO_LARGE,
        TRUNCATED,
        BAD_CRC
    }

    /** A frame was refused. Errors of the stream come as they are. */
    public static final class FrameException extends IOException {
        private static final long serialVersionUID = 1;

        public final Kind kind;

        FrameException(Kind kind, String text) {
            super(text);
            this.kind = kind;
        }
    }

    private final InputStream in;
    private final OutputStream out;
    private final Framing framing;
    private final int maxPayload;
    private final Object writing = new Object();
    private IOException readFailure;
    private IOException writeFailure;

    /** Streams of a socket are best given buffered. */
    public Framer(InputStream in, OutputStream out, Framing framing, int maxPayload) {
        this.in = in;
        this.out = out;
        this.framing = framing;
        this.maxPayload = maxPayload;
    }

    /**
     * The next frame, or null at the end of the stream. After an exception every later read throws
     * the same one [STR-3].
     */
    public Frame read() throws IOException {
        if (readFailure != null) {
            throw readFailure;
        }
        try {
            return next();
        } catch (IOException e) {
            readFailure = e;
            throw e;
        }
    }

    // The checks stand in the order of [FRM-9].
    private Frame next() throws IOException {
        byte[] start = in.readNBytes(framing.headerSize);
        if (start.length == 0) {
            return null; // [STR-1]
        }
        if (start.length < framing.headerSize) {
            throw new FrameException(Kind.TRUNCATED, "the stream ended inside a header");
        }
        ByteBuffer header = ByteBuffer.wrap(start);
        if (framing == Framing.BASIC) {
            return new Frame(0, payload(Integer.toUnsignedLong(header.getInt())));
        }
        if (start[0] != 'P' || start[1] != 'Y') {
            throw new FrameException(
                    Kind.BAD_MAGIC, "%02x%02x in place of 5059".formatted(start[0], start[1]));
        }
        long length = Integer.toUnsignedLong(header.getInt(2)); // [FRM-2]
        if (length < 18) {
            throw new FrameException(Kind.BAD_LENGTH, length + ", below the 18 of the header");
        }
        Frame frame = new Frame(header.getLong(6), payload(length - 18));
        if (checksum(frame.payload) != header.getInt(14)) {
            String id = Long.toUnsignedString(frame.id);
            throw new FrameException(Kind.BAD_CRC, "the payload under request ID " + id + " is damaged");
        }
        return frame;
    }

    private byte[] payload(long size) throws IOException {
        refuseOver(size);
        byte[] payload = in.readNBytes((int) size); // sets memory aside as bytes arrive [FRM-11]
        if (payload.length < size) {
            throw new FrameException(
                    Kind.TRUNCATED,
                    "the stream ended after %d of %d bytes".formatted(payload.length, size));
        }
        return payload;
    }

    /**
     * Writes one frame, in one piece [STR-5]. A payload over the limit is refused, and no harm done
     * [FRM-12]; when the stream has failed, every later write throws the same exception [STR-6].
     */
    public void write(Frame frame) throws IOException {
        byte[] payload = frame.payload;
        refuseOver(payload.length);
        ByteBuffer bytes = ByteBuffer.allocate(framing.headerSize + payload.length);
        if (framing == Framing.BASIC) {
            bytes.putInt(payload.length);
        } else {
            bytes.put((byte) 'P').put((byte) 'Y').putInt(18 + payload.length); // [FRM-2]
            bytes.putLong(frame.id).putInt(checksum(payload));
        }
        bytes.put(payload);
        synchronized (writing) {
            if (writeFailure != null) {
                throw writeFailure;
            }
            try {
                out.write(bytes.array());
                out.flush();
            } catch (IOException e) {
                writeFailure = e;
                throw e;
            }
        }
    }

    private void refuseOver(long size) throws FrameException {
        if (size > maxPayload) {
            throw new FrameException(
                    Kind.TOO_LARGE, "%d bytes, over the limit of %d".formatted(size, maxPayload));
        }
    }

    private static int checksum(byte[] payload) {
        CRC32C crc = new CRC32C(); // [CRC-1]
        crc.update(payload);
        return (int) crc.getValue();
    }
}
