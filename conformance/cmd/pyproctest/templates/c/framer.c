// Adapter between the conformance suite and your framer.
//
// Fill in the part under "Yours", compile it with your framer, and run it:
//
//     cc -std=c11 -O2 -pthread -o framer-adapter framer.c
//     pyproctest run --framer ./framer-adapter
//
// A part that is not written yet is reported as not offered, never as right. The rest of the file
// implements conformance/ADAPTERS.md; you need not change it.

#define _POSIX_C_SOURCE 200809L
#include <errno.h>
#include <pthread.h>
#include <sched.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/types.h>
#include <time.h>

// What your framer reads from and writes to. These behave as read(2) and write(2) do: they give short
// counts, read_stream returns 0 at the end, and both return -1 with errno when the stream fails.
struct stream;
ssize_t read_stream(struct stream *s, void *into, size_t size);
ssize_t write_stream(struct stream *s, const void *bytes, size_t size);

struct frame {
    uint64_t id; // 0 in the basic framing
    const unsigned char *payload;
    size_t size;
};

static const char *not_written; // the name of a part that is not written yet

// --- Yours --------------------------------------------------------------------------------------

static const char name[] = "my framer";

// True if several threads may write to one framer at the same time.
static const bool threads_may_write = false;

// Make your framer over the stream. max_payload is in bytes; -1 asks for your default.
static void *open_framer(struct stream *stream, bool basic, long long max_payload) {
    (void)stream, (void)basic, (void)max_payload;
    not_written = "open_framer";
    return NULL;
}

static void close_framer(void *framer) { (void)framer; }

// Read the next frame, and return "frame"; the payload must stay valid until the next read. Return
// "eof" at a clean end, or the name of your framer's error: bad_magic, bad_length, too_large,
// truncated, bad_crc, or other for any other, those of the stream included.
static const char *read_frame(void *framer, struct frame *frame) {
    (void)framer, (void)frame;
    not_written = "read_frame";
    return "other";
}

// Write one frame, and return "ok" when the stream has taken all of it. Return too_large for a payload
// over max_payload, and other for any other error.
static const char *write_frame(void *framer, const struct frame *frame) {
    (void)framer, (void)frame;
    not_written = "write_frame";
    return "other";
}

// --- The adapter protocol -----------------------------------------------------------------------

// A piece of a line: of a string what is between the quotes. at is NULL where there is none.
struct text {
    char *at;
    size_t size;
};

static void fail(const char *text) {
    fprintf(stderr, "framer.c: %s\n", text);
    exit(1);
}

static void *memory(size_t size) {
    void *bytes = calloc(1, size + 1);
    if (bytes == NULL)
        fail("no memory left");
    return bytes;
}

// The next item of an array, or the next name or value of an object; false behind the last.
static bool next(char **at, struct text *part) {
    *at += strspn(*at, " \t\r\n,:");
    char *start = *at;
    for (int depth = 0; **at != '\0' && (depth > 0 || strchr(",:]} \t\r\n", **at) == NULL);
         *at += **at != '\0') {
        depth += (**at == '[' || **at == '{') - (**at == ']' || **at == '}');
        if (**at == '"')
            while (*++*at != '"' && **at != '\0')
                *at += **at == '\\' && (*at)[1] != '\0';
    }
    bool string = *start == '"' && *at - start > 1;
    *part = (struct text){start + string, (size_t)(*at - start) - 2 * string};
    return *at > start;
}

static bool is(struct text text, const char *word) {
    return text.at != NULL && text.size == strlen(word) && memcmp(text.at, word, text.size) == 0;
}

static struct text field(char *object, const char *name_of_field) {
    char *at = object + strspn(object, " \t{");
    struct text part;
    while (next(&at, &part)) {
        bool found = is(part, name_of_field);
        if (next(&at, &part) && found)
            return part;
    }
    return (struct text){NULL, 0};
}

static long long number(struct text text, long long otherwise) {
    return text.at == NULL ? otherwise : strtoll(text.at, NULL, 10);
}

static size_t unhex(unsigned char *to, struct text from) {
    const char *digits = "0123456789abcdef";
    for (size_t i = 0; i + 1 < from.size; i += 2)
        to[i / 2] = (unsigned char)((strchr(digits, from.at[i]) - digits) << 4 |
                                    (strchr(digits, from.at[i + 1]) - digits));
    return from.size / 2;
}

static void print_hex(FILE *out, const unsigned char *bytes, size_t size) {
    putc('"', out);
    for (size_t i = 0; i < size; i++)
        fprintf(out, "%02x", bytes[i]);
    putc('"', out);
}

struct stream {
    char *chunks;      // those not yet begun
    struct text chunk; // what is left of the one begun
    struct text then;
    bool waiting, failed;
    long long accept; // -1: everything
    bool cut;         // the last write was cut short: the next one, which brings the rest, fails
    pthread_mutex_t lock;
    FILE *writes; // what was written, as JSON
    bool begun;
    bool measured;        // what is written is kept as it is, until there is a block of frames
    unsigned char *block; // comes again and again, while what is written is only looked at
    size_t block_size, at;
    volatile unsigned char seen; // so that no compiler leaves out the work
};

ssize_t read_stream(struct stream *s, void *into, size_t size) {
    if (s->block != NULL) {
        if (size > s->block_size - s->at)
            size = s->block_size - s->at;
        memcpy(into, s->block + s->at, size);
        s->at = s->at + size < s->block_size ? s->at + size : 0;
        return (ssize_t)size;
    }
    while (s->chunk.size == 0 && s->chunks != NULL && next(&s->chunks, &s->chunk))
        ;
    if (s->chunk.size == 0) {
        if (!is(s->then, "open") && !is(s->then, "error"))
            return 0;
        s->waiting = is(s->then, "open");
        s->failed = true;
        errno = EIO;
        return -1;
    }
    if (size > s->chunk.size / 2)
        size = s->chunk.size / 2;
    unhex(into, (struct text){s->chunk.at, 2 * size});
    s->chunk.at += 2 * size;
    s->chunk.size -= 2 * size;
    return (ssize_t)size;
}

ssize_t write_stream(struct stream *s, const void *bytes, size_t size) {
    ssize_t taken = (ssize_t)size;
    if (s->measured) {
        if (s->block == NULL)
            fwrite(bytes, 1, size, s->writes);
        s->seen = size > 0 ? ((const unsigned char *)bytes)[size - 1] : 0;
        return taken;
    }
    pthread_mutex_lock(&s->lock);
    if (!s->cut) {
        fputs(s->begun ? "," : "", s->writes);
        print_hex(s->writes, bytes, size);
        s->begun = true;
    }
    if (s->cut) {
        taken = -1;
        s->cut = false;
    } else if (s->accept >= 0 && (long long)size > s->accept) {
        taken = s->accept > 0 ? (ssize_t)s->accept : -1;
        s->cut = taken > 0;
        s->accept = -1;
    } else if (s->accept >= 0) {
        s->accept -= (long long)size;
    }
    s->failed = s->failed || taken < 0;
    pthread_mutex_unlock(&s->lock);
    sched_yield(); // so that frames of several writes mix unless the framer prevents it
    errno = EIO;
    return taken;
}

static void *open_over(struct stream *s, char *request) {
    pthread_mutex_init(&s->lock, NULL);
    bool basic = is(field(request, "framing"), "basic");
    return open_framer(s, basic, number(field(request, "max_payload"), -1));
}

// The outcome of a read or a write, by the name that your framer gives it.
static const char *outcome(struct stream *s, const char *kind) {
    if (s->waiting)
        return "waiting";
    return strcmp(kind, "other") == 0 && s->failed ? "io" : kind;
}

static void decode(FILE *out, char *request) {
    struct stream s = {.then = field(request, "then"), .accept = -1};
    struct text chunks = field(request, "chunks");
    s.chunks = chunks.at == NULL ? NULL : chunks.at + 1;
    void *framer = open_over(&s, request);
    long long again = number(field(request, "again"), 0);
    long long over = 0; // reads since the first without a frame, that one counted
    fprintf(out, "\"reads\":[");
    for (int reads = 0; over <= again && reads < 10000 && !s.waiting && !not_written; reads++) {
        struct frame frame = {0};
        const char *kind = outcome(&s, read_frame(framer, &frame));
        bool got = strcmp(kind, "frame") == 0;
        over += over > 0 || !got;
        fprintf(out, "%s{\"kind\":\"%s\"", reads > 0 ? "," : "", kind);
        if (got) {
            fprintf(out, ",\"id\":\"%llu\",\"payload\":", (unsigned long long)frame.id);
            print_hex(out, frame.payload, frame.size);
        }
        fprintf(out, "}");
    }
    fprintf(out, "]");
    close_framer(framer);
}

// One of the writers: it writes each writers-th frame.
struct writer {
    pthread_t thread;
    struct stream *stream;
    void *framer;
    const struct frame *frames;
    const char **results;
    size_t first, count, writers;
};

static void *run_writer(void *self) {
    struct writer *w = self;
    for (size_t i = w->first; i < w->count && !not_written; i += w->writers)
        w->results[i] = outcome(w->stream, write_frame(w->framer, &w->frames[i]));
    return NULL;
}

static void encode(FILE *out, char *request) {
    size_t count = 0, writers = (size_t)number(field(request, "writers"), 1);
    char *written = NULL;
    size_t size;
    struct stream s = {.accept = number(field(request, "accept"), -1),
                       .writes = open_memstream(&written, &size)};
    void *framer = open_over(&s, request);
    struct text part;
    for (char *at = field(request, "frames").at + 1; next(&at, &part);)
        count++;
    struct frame *frames = memory(count * sizeof *frames);
    const char **results = memory(count * sizeof *results);
    struct writer *all = memory(writers * sizeof *all);
    char *at = field(request, "frames").at + 1;
    for (size_t i = 0; next(&at, &part); i++) {
        struct text payload = field(part.at, "payload");
        frames[i].id = strtoull(field(part.at, "id").at, NULL, 10);
        frames[i].payload = memory(payload.size / 2);
        frames[i].size = unhex((unsigned char *)frames[i].payload, payload);
    }
    for (size_t i = 0; i < writers && !not_written; i++) {
        all[i] = (struct writer){0, &s, framer, frames, results, i, count, writers};
        if (pthread_create(&all[i].thread, NULL, run_writer, &all[i]) != 0)
            fail("no thread can be made");
    }
    for (size_t i = 0; i < writers && all[i].framer != NULL; i++)
        pthread_join(all[i].thread, NULL);
    fclose(s.writes);
    fprintf(out, "\"writes\":[%s],\"results\":[", written);
    for (size_t i = 0; i < count && !not_written; i++)
        fprintf(out, "%s{\"kind\":\"%s\"}", i > 0 ? "," : "", results[i]);
    fprintf(out, "]");
    for (size_t i = 0; i < count; i++)
        free((void *)frames[i].payload);
    free(frames), free(results), free(all), free(written);
    close_framer(framer);
}

// Writes or reads frames in a loop and times it, for pyproctest bench.
static void measure(FILE *out, char *request) {
    struct text what = field(request, "what");
    bool encodes = is(what, "encode"), basic = is(field(request, "framing"), "basic");
    if (!encodes && !is(what, "decode")) {
        fprintf(out, "\"refused\":\"measure cannot %.*s\"", (int)what.size, what.at);
        return;
    }
    size_t size = (size_t)number(field(request, "size"), 0);
    long long count = number(field(request, "count"), 0);
    char *block = NULL;
    struct stream s = {.accept = -1, .measured = true};
    s.writes = open_memstream(&block, &s.block_size);
    const unsigned char *payload = memory(size);
    const struct frame frame = {7, payload, size};
    struct frame read = {0};
    uint64_t id = basic ? 0 : frame.id;
    void *framer = open_over(&s, request);
    bool right = !not_written;
    for (size_t i = 0; right && i <= 32768 / (size + (basic ? 4 : 18)); i++)
        right = strcmp(write_frame(framer, &frame), "ok") == 0;
    fclose(s.writes);
    s.block = (unsigned char *)block;
    right = right && s.block_size > 0;
    close_framer(framer);
    framer = open_over(&s, request); // the first has perhaps seen a stream without frames

    struct timespec began, ended;
    clock_gettime(CLOCK_MONOTONIC, &began);
    for (long long i = 0; right && i < count; i++) {
        if (encodes) {
            right = strcmp(write_frame(framer, &frame), "ok") == 0;
            continue;
        }
        right =
            strcmp(read_frame(framer, &read), "frame") == 0 && read.id == id && read.size == size;
        s.seen = right && size > 0 ? read.payload[size - 1] : 0;
    }
    clock_gettime(CLOCK_MONOTONIC, &ended);
    long long took = (ended.tv_sec - began.tv_sec) * 1000000000LL + ended.tv_nsec - began.tv_nsec;
    if (right)
        fprintf(out, "\"took_ns\":%lld", took > 0 ? took : 1); // a clock may tick in microseconds
    else
        fprintf(out, "\"failed\":\"a frame was not written, or another one was read\"");
    close_framer(framer);
    free((void *)payload), free(block);
}

int main(void) {
    char *line = NULL;
    size_t capacity = 0;
    while (getline(&line, &capacity, stdin) > 0) {
        struct text tag = field(line, "tag"), command = field(line, "do");
        char *answer = NULL;
        size_t size;
        FILE *out = open_memstream(&answer, &size);
        not_written = NULL;
        if (is(command, "hello"))
            fprintf(out, "\"role\":\"framer\",\"name\":\"%s\"", name);
        else if (is(command, "decode"))
            decode(out, line);
        else if (is(command, "encode") && number(field(line, "writers"), 1) > 1 && !threads_may_write)
            fprintf(out, "\"unsupported\":\"one thread at a time may write\"");
        else if (is(command, "encode"))
            encode(out, line);
        else if (is(command, "measure"))
            measure(out, line);
        else
            fprintf(out, "\"refused\":\"unknown command %.*s\"", (int)command.size, command.at);
        fclose(out);
        printf("{\"tag\":%.*s,", (int)tag.size, tag.at);
        if (not_written != NULL)
            printf("\"unsupported\":\"%s in framer.c is not written yet\"}\n", not_written);
        else
            printf("%s}\n", answer);
        fflush(stdout);
        free(answer);
    }
    free(line);
    return 0;
}
