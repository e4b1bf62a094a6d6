// Adapter between the conformance suite and your framer.
//
// Fill in the part under "Yours", compile it with your framer, and run it:
//
//     javac -d build FramerAdapter.java
//     pyproctest run --framer 'java -Xlog:disable -Xlog:all=warning:stderr -cp build FramerAdapter'
//
// A part that is not written yet is reported as not offered, never as right. The rest of the file
// implements conformance/ADAPTERS.md; you need not change it. Java 17 and newer.

import java.io.BufferedReader;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.InputStream;
import java.io.InputStreamReader;
import java.io.OutputStream;
import java.nio.charset.StandardCharsets;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Collections;
import java.util.Deque;
import java.util.HexFormat;
import java.util.List;
import java.util.concurrent.CyclicBarrier;

final class FramerAdapter {
    /** A part that is not written yet. */
    private static final class NotWritten extends RuntimeException {
        private static final long serialVersionUID = 1;

        NotWritten(String part) {
            super(part);
        }
    }

    /** A frame; in the basic framing the ID is 0. IDs are unsigned. */
    private record Frame(long id, byte[] payload) {}

    // --- Yours ----------------------------------------------------------------------------------

    private static final String NAME = "my framer";

    /** True if several threads may write to one framer at the same time. */
    private static final boolean THREADS_MAY_WRITE = false;

    /** Make your framer over the streams. maxPayload is in bytes; -1 asks for your default. */
    private static Object openFramer(
            InputStream in, OutputStream out, boolean basic, int maxPayload) {
        throw new NotWritten("openFramer");
    }

    /** Read the next frame; null is a clean end. Let your framer's errors through. */
    private static Frame readFrame(Object framer) throws Exception {
        throw new NotWritten("readFrame");
    }

    /** Write one frame, and return when the stream has taken all of it. */
    private static void writeFrame(Object framer, Frame frame) throws Exception {
        throw new NotWritten("writeFrame");
    }

    /** Name an error: bad_magic, bad_length, too_large, truncated, bad_crc or other. */
    private static String errorKind(Exception error) {
        return "other";
    }

    // --- The adapter protocol -------------------------------------------------------------------

    private static final HexFormat HEX = HexFormat.of();

    public static void main(String[] args) throws Exception {
        BufferedReader requests =
                new BufferedReader(new InputStreamReader(System.in, StandardCharsets.UTF_8));
        for (String line; (line = requests.readLine()) != null; ) {
            Request request = new Request(line);
            String answer = "{\"tag\":" + request.text("tag") + "," + answer(request) + "}\n";
            System.out.write(answer.getBytes(StandardCharsets.UTF_8));
            System.out.flush();
        }
    }

    private static String answer(Request request) throws Exception {
        try {
            return switch (request.text("do")) {
                case "hello" -> "\"role\":\"framer\",\"name\":\"" + NAME + "\"";
                case "decode" -> decode(request);
                case "encode" -> encode(request);
                case "measure" -> measure(request);
                default -> "\"refused\":\"unknown command " + request.text("do") + "\"";
            };
        } catch (NotWritten e) {
            String part = e.getMessage() + " in FramerAdapter.java";
            return "\"unsupported\":\"" + part + " is not written yet\"";
        }
    }

    private static Object framer(Request request, InputStream in, OutputStream out) {
        boolean basic = request.text("framing").equals("basic");
        return openFramer(in, out, basic, request.number("max_payload", -1));
    }

    private static String decode(Request request) {
        Source source = new Source(request);
        Object framer = framer(request, source, OutputStream.nullOutputStream());
        List<String> reads = new ArrayList<>();
        int over = 0; // reads since the first without a frame, that one counted
        while (over <= request.number("again", 0) && reads.size() < 10000 && !source.waiting) {
            Frame frame = null;
            String read = "{\"kind\":\"eof\"}";
            try {
                frame = readFrame(framer);
            } catch (Exception e) {
                read = outcome(e);
            }
            if (frame != null) {
                String id = Long.toUnsignedString(frame.id());
                String payload = HEX.formatHex(frame.payload());
                read = "{\"kind\":\"frame\",\"id\":\"" + id + "\",\"payload\":\"" + payload + "\"}";
            }
            over += over > 0 || frame == null ? 1 : 0;
            reads.add(source.waiting ? "{\"kind\":\"waiting\"}" : read);
        }
        return "\"reads\":" + reads;
    }

    /** The stream fails, because the suite asked for it. */
    private static final class StreamException extends IOException {
        private static final long serialVersionUID = 1;

        StreamException() {
            super("the stream fails");
        }
    }

    /** What your framer reads from. */
    private static final class Source extends InputStream {
        final Deque<byte[]> chunks = new ArrayDeque<>();
        int taken; // of the first chunk
        final String then;
        boolean waiting;

        Source(Request request) {
            for (String chunk : parts(request.text("chunks"))) {
                chunks.add(HEX.parseHex(bare(chunk)));
            }
            then = request.text("then");
        }

        @Override
        public int read(byte[] into, int offset, int size) throws IOException {
            if (size == 0) {
                return 0;
            }
            while (!chunks.isEmpty() && chunks.peek().length == taken) {
                chunks.remove();
                taken = 0;
            }
            if (!chunks.isEmpty()) {
                size = Math.min(size, chunks.peek().length - taken);
                System.arraycopy(chunks.peek(), taken, into, offset, size);
                taken += size;
                return size;
            }
            if (!then.equals("open") && !then.equals("error")) {
                return -1;
            }
            waiting = then.equals("open");
            throw new StreamException();
        }

        @Override
        public int read() throws IOException {
            byte[] one = new byte[1];
            return read(one, 0, 1) < 0 ? -1 : one[0] & 255;
        }
    }

    private static String encode(Request request) throws Exception {
        int writers = request.number("writers", 1);
        if (writers > 1 && !THREADS_MAY_WRITE) {
            return "\"unsupported\":\"one thread at a time may write\"";
        }
        List<Frame> frames = new ArrayList<>();
        for (String text : parts(request.text("frames"))) {
            Request frame = new Request(text);
            long id = Long.parseUnsignedLong(frame.text("id"));
            frames.add(new Frame(id, HEX.parseHex(frame.text("payload"))));
        }
        Sink sink = new Sink(request);
        Object framer = framer(request, InputStream.nullInputStream(), sink);
        String[] results = new String[frames.size()];
        List<NotWritten> notWritten = Collections.synchronizedList(new ArrayList<>());
        CyclicBarrier start = new CyclicBarrier(writers);
        List<Thread> threads = new ArrayList<>();
        for (int i = 0; i < writers; i++) {
            int first = i;
            Runnable run =
                    () -> {
                        try {
                            start.await();
                            for (int j = first; j < results.length; j += writers) {
                                results[j] = write(framer, frames.get(j));
                            }
                        } catch (NotWritten e) {
                            notWritten.add(e);
                        } catch (Exception e) {
                            throw new IllegalStateException(e);
                        }
                    };
            threads.add(new Thread(run));
        }
        threads.forEach(Thread::start);
        for (Thread thread : threads) {
            thread.join();
        }
        if (!notWritten.isEmpty()) {
            throw notWritten.get(0);
        }
        return "\"writes\":" + sink.writes + ",\"results\":" + List.of(results);
    }

    private static String write(Object framer, Frame frame) {
        try {
            writeFrame(framer, frame);
            return "{\"kind\":\"ok\"}";
        } catch (Exception e) {
            return outcome(e);
        }
    }

    /** What your framer writes to. Others get a turn after each write. */
    private static final class Sink extends OutputStream {
        final List<String> writes = Collections.synchronizedList(new ArrayList<>());
        int accept;

        Sink(Request request) {
            accept = request.number("accept", Integer.MAX_VALUE);
        }

        @Override
        public void write(byte[] bytes, int offset, int size) throws IOException {
            writes.add('"' + HEX.formatHex(bytes, offset, offset + size) + '"');
            Thread.yield();
            if (size > accept) {
                accept = Integer.MAX_VALUE;
                throw new StreamException();
            }
            accept -= accept == Integer.MAX_VALUE ? 0 : size;
        }

        @Override
        public void write(int b) throws IOException {
            write(new byte[] {(byte) b}, 0, 1);
        }
    }

    /** Writes or reads frames in a loop and times it, for pyproctest bench. */
    private static String measure(Request request) {
        String what = request.text("what");
        boolean encodes = what.equals("encode");
        if (!encodes && !what.equals("decode")) {
            return "\"refused\":\"measure cannot " + what + "\"";
        }
        int size = request.number("size", 0);
        int count = request.number("count", 0);
        Frame frame = new Frame(7, new byte[size]);
        long id = request.text("framing").equals("basic") ? 0 : frame.id();
        try {
            ByteArrayOutputStream one = new ByteArrayOutputStream();
            writeFrame(framer(request, InputStream.nullInputStream(), one), frame);
            Endless endless = new Endless(one.toByteArray());
            Object framer = framer(request, endless, new Nowhere());
            long began = System.nanoTime();
            for (int i = 0; i < count; i++) {
                if (encodes) {
                    writeFrame(framer, frame);
                    continue;
                }
                Frame read = readFrame(framer);
                if (read == null || read.id() != id || read.payload().length != size) {
                    throw new IOException("another frame was read than is on the stream");
                }
                seen = read.payload();
            }
            return "\"took_ns\":" + Math.max(1, System.nanoTime() - began); // 1: a coarse clock
        } catch (NotWritten e) {
            throw e;
        } catch (Exception e) {
            return "\"failed\":\"" + textOf(e) + "\"";
        }
    }

    /** What was made last. It might be looked at, so no compiler leaves out making it. */
    private static volatile byte[] seen;

    /** A stream on which a frame comes again and again. */
    private static final class Endless extends InputStream {
        final byte[] block;
        int at;

        Endless(byte[] frame) {
            int size = Math.max(1, frame.length);
            block = new byte[size * (32768 / size + 1)];
            for (int i = 0; i < block.length; i++) {
                block[i] = frame[i % size];
            }
        }

        @Override
        public int read(byte[] into, int offset, int size) {
            size = Math.min(size, block.length - at);
            System.arraycopy(block, at, into, offset, size);
            at = at + size < block.length ? at + size : 0;
            return size;
        }

        @Override
        public int read() {
            int next = block[at] & 255;
            at = at + 1 < block.length ? at + 1 : 0;
            return next;
        }
    }

    /** A stream that takes everything. */
    private static final class Nowhere extends OutputStream {
        @Override
        public void write(byte[] bytes, int offset, int size) {
            seen = bytes;
        }

        @Override
        public void write(int b) {}
    }

    private static String outcome(Exception error) {
        if (error instanceof NotWritten notWritten) {
            throw notWritten;
        }
        String kind = errorKind(error);
        for (Throwable e = error; kind.equals("other") && e != null; e = e.getCause()) {
            kind = e instanceof StreamException ? "io" : kind;
        }
        return "{\"kind\":\"" + kind + "\",\"text\":\"" + textOf(error) + "\"}";
    }

    private static String textOf(Exception error) {
        String text = error.toString().replace('\\', '/').replace('"', '\'');
        return text.replaceAll("\\p{Cntrl}", " ");
    }

    /** The names and values of a JSON object, in turn, each as its text. */
    private record Request(List<String> fields) {
        Request(String line) {
            this(parts(line));
        }

        /** The text of a field, of a string what is between the quotes; "" where it is absent. */
        String text(String name) {
            int i = fields.indexOf('"' + name + '"');
            return i < 0 ? "" : bare(fields.get(i + 1));
        }

        int number(String name, int otherwise) {
            String text = text(name);
            return text.isEmpty() ? otherwise : Integer.parseInt(text);
        }
    }

    /** The items of a JSON array, or the names and values of an object, each as its text. */
    private static List<String> parts(String text) {
        List<String> parts = new ArrayList<>();
        boolean inString = false;
        int depth = 0;
        int start = 0;
        for (int i = 0; i < text.length(); i++) {
            char c = text.charAt(i);
            if (inString) {
                i += c == '\\' ? 1 : 0;
                inString = c != '"';
            } else if (c == '"') {
                inString = true;
            } else if (c == '[' || c == '{') {
                start = ++depth == 1 ? i + 1 : start;
            } else if (",:]}".indexOf(c) >= 0) {
                if (depth == 1 && !text.substring(start, i).isBlank()) {
                    parts.add(text.substring(start, i).strip());
                }
                start = depth == 1 ? i + 1 : start;
                depth -= c == ']' || c == '}' ? 1 : 0;
            }
        }
        return parts;
    }

    private static String bare(String text) {
        return text.startsWith("\"") ? text.substring(1, text.length() - 1) : text;
    }
}
