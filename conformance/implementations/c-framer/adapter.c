/* Lets pyproctest drive the framer, as conformance/ADAPTERS.md says. What it answers goes straight
 * to standard output and what it reads stays in the line, whose payloads may have 10 MB. */
#define _POSIX_C_SOURCE 200809L
#include "framer.h"

#include <errno.h>
#include <sched.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

/* A piece of the line: of a string what is between the quotes. at is NULL where there is none. */
struct text {
    char *at;
    size_t size;
};

static void decode(char *request);
static void encode(char *request);
static void measure(char *request);
static bool next(char **at, struct text *part);
static struct text field(char *object, const char *name);
static bool is(struct text text, const char *word);
static size_t number(struct text text, size_t otherwise);
static void open_framer(struct pyproc_framer *f, struct pyproc_stream stream, char *request);
static size_t unhex(unsigned char *to, struct text from);
static void print_hex(const unsigned char *bytes, size_t size);

int main(void) {
    char *line = NULL;
    size_t capacity = 0;
    while (getline(&line, &capacity, stdin) > 0) {
        struct text tag = field(line, "tag"), command = field(line, "do");
        printf("{\"tag\":%.*s,", (int)tag.size, tag.at);
        if (is(command, "hello"))
            printf("\"role\":\"framer\",\"name\":\"c-framer\"");
        else if (is(command, "decode"))
            decode(line);
        else if (is(command, "encode"))
            encode(line);
        else if (is(command, "measure"))
            measure(line);
        else
            printf("\"refused\":\"unknown command %.*s\"", (int)command.size, command.at);
        printf("}\n");
        fflush(stdout);
    }
    free(line);
    return 0;
}

/* A stream that brings the chunks, and then what "then" says. */
struct source {
    char *chunks; /* those not yet begun */
    struct text chunk;
    struct text then;
    bool waiting;
};

static ssize_t read_source(void *self, void *into, size_t size) {
    struct source *s = self;
    while (s->chunk.size == 0 && next(&s->chunks, &s->chunk))
        ;
    if (s->chunk.size == 0 && is(s->then, "eof"))
        return 0;
    if (s->chunk.size == 0) {
        s->waiting = is(s->then, "open");
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

static void decode(char *request) {
    struct source source = {.chunks = field(request, "chunks").at + 1,
                            .then = field(request, "then")};
    struct pyproc_framer f;
    open_framer(&f, (struct pyproc_stream){read_source, NULL, &source}, request);
    size_t again = number(field(request, "again"), 0);
    size_t over = 0; /* reads since the first without a frame, that one counted */
    printf("\"reads\":[");
    for (int reads = 0; over <= again && reads < 10000 && !source.waiting; reads++) {
        struct pyproc_frame frame;
        enum pyproc_status status = pyproc_read(&f, &frame);
        over += over > 0 || status != PYPROC_OK;
        printf("%s{\"kind\":\"", reads > 0 ? "," : "");
        if (source.waiting || status != PYPROC_OK) {
            printf("%s\"}", source.waiting ? "waiting" : pyproc_name(status));
            continue;
        }
        printf("frame\",\"id\":\"%llu\",\"payload\":", (unsigned long long)frame.id);
        print_hex(frame.payload, frame.size);
        printf("}");
    }
    printf("]");
    pyproc_close(&f);
}

/* A stream that takes so many bytes and then fails once. Other writers get a turn after each write. */
struct sink {
    size_t accept; /* SIZE_MAX: everything */
    bool cut;      /* the last write was cut short: the next one, which brings the rest, fails */
    bool begun;
};

static void list(struct sink *s, const unsigned char *bytes, size_t size) {
    flockfile(stdout);
    printf("%s", s->begun ? "," : "");
    s->begun = true;
    print_hex(bytes, size);
    funlockfile(stdout);
}

static ssize_t write_sink(void *self, const void *bytes, size_t size) {
    struct sink *s = self;
    if (s->cut) {
        s->cut = false;
        errno = EIO;
        return -1;
    }
    list(s, bytes, size);
    sched_yield();
    if (size <= s->accept) {
        s->accept -= s->accept == SIZE_MAX ? 0 : size;
        return (ssize_t)size;
    }
    size_t taken = s->accept;
    s->accept = SIZE_MAX;
    s->cut = taken > 0;
    errno = EIO;
    return s->cut ? (ssize_t)taken : -1;
}

/* One of the writers: it writes each writers-th frame. */
struct writer {
    pthread_t thread;
    pthread_mutex_t *start;
    struct pyproc_framer *framer;
    struct pyproc_frame *frames;
    enum pyproc_status *results;
    size_t first, count, writers;
};

static void *run_writer(void *self) {
    struct writer *w = self;
    pthread_mutex_lock(w->start);
    pthread_mutex_unlock(w->start);
    for (size_t i = w->first; i < w->count; i += w->writers)
        w->results[i] = pyproc_write(w->framer, &w->frames[i]);
    return NULL;
}

static void encode(char *request) {
    /* First what stands in the line, for the payloads are then decoded in their places. */
    size_t writers = number(field(request, "writers"), 1), count = 0;
    struct sink sink = {.accept = number(field(request, "accept"), SIZE_MAX)};
    struct pyproc_framer f;
    open_framer(&f, (struct pyproc_stream){NULL, write_sink, &sink}, request);
    struct text part;
    for (char *at = field(request, "frames").at + 1; next(&at, &part);)
        count++;
    struct pyproc_frame *frames = calloc(count + 1, sizeof *frames);
    enum pyproc_status *results = calloc(count + 1, sizeof *results);
    struct writer *all = calloc(writers, sizeof *all);
    if (frames == NULL || results == NULL || all == NULL)
        abort();
    char *at = field(request, "frames").at + 1;
    for (size_t i = 0; next(&at, &part); i++) {
        struct text payload = field(part.at, "payload");
        frames[i].id = strtoull(field(part.at, "id").at, NULL, 10);
        frames[i].payload = (unsigned char *)payload.at;
        frames[i].size = unhex((unsigned char *)payload.at, payload);
    }

    printf("\"writes\":[");
    pthread_mutex_t start = PTHREAD_MUTEX_INITIALIZER;
    pthread_mutex_lock(&start);
    for (size_t i = 0; i < writers; i++) {
        all[i] = (struct writer){0, &start, &f, frames, results, i, count, writers};
        if (pthread_create(&all[i].thread, NULL, run_writer, &all[i]) != 0)
            abort();
    }
    pthread_mutex_unlock(&start);
    for (size_t i = 0; i < writers; i++)
        pthread_join(all[i].thread, NULL);
    printf("],\"results\":[");
    for (size_t i = 0; i < count; i++)
        printf("%s{\"kind\":\"%s\"}", i > 0 ? "," : "", pyproc_name(results[i]));
    printf("]");
    free(frames);
    free(results);
    free(all);
    pyproc_close(&f);
}

/* A stream that keeps what is written until that is a block, and brings this again and again. */
struct endless {
    unsigned char *block;
    size_t size, at;
    volatile unsigned char seen; /* so that no compiler leaves the work out */
};

enum { BLOCK = 32768 };

static ssize_t take(void *self, const void *bytes, size_t size) {
    struct endless *s = self;
    if (s->size < BLOCK) {
        memcpy(s->block + s->size, bytes, size);
        s->size += size;
    }
    s->seen = ((const unsigned char *)bytes)[size - 1];
    return (ssize_t)size;
}

static ssize_t repeat(void *self, void *into, size_t size) {
    struct endless *s = self;
    if (size > s->size - s->at)
        size = s->size - s->at;
    memcpy(into, s->block + s->at, size);
    s->at = s->at + size < s->size ? s->at + size : 0;
    return (ssize_t)size;
}

/* Writes or reads frames in a loop and times it, for pyproctest bench. */
static void measure(char *request) {
    struct text what = field(request, "what");
    bool encodes = is(what, "encode");
    if (!encodes && !is(what, "decode")) {
        printf("\"refused\":\"measure cannot %.*s\"", (int)what.size, what.at);
        return;
    }
    size_t size = number(field(request, "size"), 0), count = number(field(request, "count"), 0);
    struct endless s = {.block = malloc(BLOCK + 18 + size)};
    unsigned char *payload = calloc(size + 1, 1);
    if (s.block == NULL || payload == NULL)
        abort();
    struct pyproc_frame frame = {7, payload, size}, read;
    struct pyproc_framer f;
    open_framer(&f, (struct pyproc_stream){repeat, take, &s}, request);
    uint64_t id = f.framing == PYPROC_BASIC ? 0 : frame.id;
    bool right = true;
    while (right && s.size < BLOCK)
        right = pyproc_write(&f, &frame) == PYPROC_OK;

    struct timespec began, ended;
    clock_gettime(CLOCK_MONOTONIC, &began);
    for (size_t i = 0; right && i < count; i++) {
        if (encodes) {
            right = pyproc_write(&f, &frame) == PYPROC_OK;
            continue;
        }
        right = pyproc_read(&f, &read) == PYPROC_OK && read.id == id && read.size == size;
        s.seen = right && size > 0 ? read.payload[size - 1] : 0;
    }
    clock_gettime(CLOCK_MONOTONIC, &ended);
    long long took = (ended.tv_sec - began.tv_sec) * 1000000000LL + ended.tv_nsec - began.tv_nsec;
    if (right)
        printf("\"took_ns\":%lld", took > 0 ? took : 1); /* a clock may tick in microseconds */
    else
        printf("\"failed\":\"a frame was not written, or another one was read\"");
    pyproc_close(&f);
    free(payload);
    free(s.block);
}

static void open_framer(struct pyproc_framer *f, struct pyproc_stream stream, char *request) {
    bool basic = is(field(request, "framing"), "basic");
    size_t limit = number(field(request, "max_payload"), PYPROC_DEFAULT_MAX_PAYLOAD);
    pyproc_open(f, stream, basic ? PYPROC_BASIC : PYPROC_ENHANCED, (uint32_t)limit);
}

/* The next item of an array, or the next name or value of an object; false behind the last. */
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

static struct text field(char *object, const char *name) {
    char *at = object + strspn(object, " \t{");
    struct text part;
    while (next(&at, &part)) {
        bool found = is(part, name);
        if (next(&at, &part) && found)
            return part;
    }
    return (struct text){NULL, 0};
}

static bool is(struct text text, const char *word) {
    return text.at != NULL && text.size == strlen(word) && memcmp(text.at, word, text.size) == 0;
}

static size_t number(struct text text, size_t otherwise) {
    return text.at == NULL ? otherwise : strtoull(text.at, NULL, 10);
}

/* Returns how many bytes there are. to may be where the digits are. */
static size_t unhex(unsigned char *to, struct text from) {
    for (size_t i = 0; i + 1 < from.size; i += 2) {
        const char *digits = "0123456789abcdef";
        long high = strchr(digits, from.at[i]) - digits,
             low = strchr(digits, from.at[i + 1]) - digits;
        to[i / 2] = (unsigned char)(high << 4 | low);
    }
    return from.size / 2;
}

static void print_hex(const unsigned char *bytes, size_t size) {
    putc('"', stdout);
    for (size_t i = 0; i < size; i++) {
        putc_unlocked("0123456789abcdef"[bytes[i] >> 4], stdout);
        putc_unlocked("0123456789abcdef"[bytes[i] & 15], stdout);
    }
    putc('"', stdout);
}
