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
import java.util.Locale;
import java.util.concurrent.CyclicBarrier;

/** Lets pyproctest drive the framer, as conformance/ADAPTERS.md says. */
final class Adapter {
    private static final HexFormat HEX = HexFormat.of();

    public static void main(String[] args) throws Exception {
        BufferedReader requests =
                new BufferedReader(new InputStreamReader(System.in, StandardCharsets.UTF_8));
        for (String line; (line = requests.readLine()) != null; ) {
            Request request = new Request(line);
            String answer =
                    switch (request.text("do")) {
                        case "hello" -> "\"role\":\"framer\",\"name\":\"java-framer\"";
                        case "decode" -> decode(request);
                        case "encode" -> encode(request);
                        case "measure" -> measure(request);
                        default -> "\"refused\":\"unknown command " + request.text("do") + "\"";
                    };
            answer = "{\"tag\":" + request.text("tag") + "," + answer + "}\n";
            System.out.write(answer.getBytes(StandardCharsets.UTF_8));
            System.out.flush();
        }
    }

    private static String decode(Request request) {
        Source source = new Source(request);
        Framer framer = request.framer(source, null);
        List<String> reads = new ArrayList<>();
        int over = 0; // reads since the first without a frame, that one counted
        while (over <= request.number("again", 0) && reads.size() < 10000 && !source.waiting) {
            Framer.Frame frame = null;
            String read = "{\"kind\":\"eof\"}";
            try {
                frame = framer.read();
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

    /** The stream's own error. */
    private static final class StreamException extends IOException {
        private static final long serialVersionUID = 1;
    }

    /** A stream that brings the chunks, and then what "then" says. */
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
            if (then.equals("eof")) {
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
        List<Framer.Frame> frames = new ArrayList<>();
        for (String text : parts(request.text("frames"))) {
            Request frame = new Request(text);
            long id = Long.parseUnsignedLong(frame.text("id"));
            frames.add(new Framer.Frame(id, HEX.parseHex(frame.text("payload"))));
        }
        Sink sink = new Sink(request);
        Framer framer = request.framer(null, sink);
        String[] results = new String[frames.size()];
        int writers = request.number("writers", 1);
        CyclicBarrier start = new CyclicBarrier(writers);
        List<Thread> threads = new ArrayList<>();
        for (int i = 0; i < writers; i++) {
            int first = i;
            threads.add(
                    new Thread(
                            () -> {
                                try {
                                    start.await();
                                } catch (Exception e) {
                                    throw new IllegalStateException(e);
                                }
                                for (int j = first; j < results.length; j += writers) {
                                    results[j] = write(framer, frames.get(j));
                                }
                            }));
        }
        threads.forEach(Thread::start);
        for (Thread thread : threads) {
            thread.join();
        }
        return "\"writes\":" + sink.writes + ",\"results\":" + List.of(results);
    }

    private static String write(Framer framer, Framer.Frame frame) {
        try {
            framer.write(frame);
            return "{\"kind\":\"ok\"}";
        } catch (Exception e) {
            return outcome(e);
        }
    }

    /** A stream that takes so many bytes and then fails once. Others get a turn after each write. */
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
        Framer.Frame frame = new Framer.Frame(7, new byte[size]);
        long id = request.text("framing").equals("basic") ? 0 : frame.id();
        try {
            ByteArrayOutputStream block = new ByteArrayOutputStream();
            while (block.size() < 32768) {
                request.framer(null, block).write(frame);
            }
            Framer framer = request.framer(new Endless(block.toByteArray()), new Nowhere());
            long began = System.nanoTime();
            for (int i = 0; i < count; i++) {
                if (encodes) {
                    framer.write(frame);
                    continue;
                }
                Framer.Frame read = framer.read();
                if (read == null || read.id() != id || read.payload().length != size) {
                    throw new IOException("another frame was read");
                }
                seen = read.payload();
            }
            return "\"took_ns\":" + Math.max(1, System.nanoTime() - began); // 1: a coarse clock
        } catch (IOException e) {
            return "\"failed\":\"" + e.getMessage() + "\"";
        }
    }

    /** What was made last. It might be looked at, so no compiler leaves out making it. */
    private static volatile byte[] seen;

    /** A stream on which the block comes again and again. */
    private static final class Endless extends InputStream {
        final byte[] block;
        int at;

        Endless(byte[] block) {
            this.block = block;
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

    private static String outcome(Exception e) {
        String kind = e instanceof StreamException ? "io" : "other";
        if (e instanceof Framer.FrameException refused) {
            kind = refused.kind.name().toLowerCase(Locale.ROOT);
        }
        String text = e.toString().replace('\\', '/').replace('"', '\'');
        return "{\"kind\":\"" + kind + "\",\"text\":\"" + text + "\"}";
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

        Framer framer(InputStream in, OutputStream out) {
            boolean basic = text("framing").equals("basic");
            Framer.Framing framing = basic ? Framer.Framing.BASIC : Framer.Framing.ENHANCED;
            return new Framer(in, out, framing, number("max_payload", Framer.DEFAULT_MAX_PAYLOAD));
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
