#define _POSIX_C_SOURCE 200809L
#include "framer.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

static enum pyproc_status read_frame(struct pyproc_framer *f, struct pyproc_frame *frame);
static enum pyproc_status read_payload(struct pyproc_framer *f, size_t size);
static enum pyproc_status read_some(struct pyproc_framer *f, unsigned char *into, size_t size,
                                    size_t *have);
static enum pyproc_status write_all(struct pyproc_framer *f, const unsigned char *bytes,
                                    size_t size);
static uint32_t get32(const unsigned char *from);
static void put32(unsigned char *to, uint32_t number);

void pyproc_open(struct pyproc_framer *f, struct pyproc_stream stream, enum pyproc_framing framing,
                 uint32_t max_payload) {
    *f = (struct pyproc_framer){.stream = stream, .framing = framing, .max_payload = max_payload};
    pthread_mutex_init(&f->writing, NULL);
}

void pyproc_close(struct pyproc_framer *f) {
    free(f->buffer);
    pthread_mutex_destroy(&f->writing);
}

enum pyproc_status pyproc_read(struct pyproc_framer *f, struct pyproc_frame *frame) {
    *frame = (struct pyproc_frame){0};
    if (f->read_status == PYPROC_OK || f->read_status == PYPROC_EOF)
        f->read_status = read_frame(f, frame);
    return f->read_status;
}

/* The checks stand in the order of [FRM-9]. */
static enum pyproc_status read_frame(struct pyproc_framer *f, struct pyproc_frame *frame) {
    unsigned char header[18];
    size_t header_size = f->framing == PYPROC_BASIC ? 4 : 18, have = 0;
    while (have < header_size) {
        enum pyproc_status status = read_some(f, header, header_size, &have);
        if (status == PYPROC_TRUNCATED && have == 0)
            return PYPROC_EOF; /* [STR-1] */
        if (status != PYPROC_OK)
            return status;
    }
    uint32_t size = get32(header);
    if (f->framing == PYPROC_ENHANCED) {
        if (header[0] != 'P' || header[1] != 'Y')
            return PYPROC_BAD_MAGIC;
        size = get32(header + 2);
        if (size < 18)
            return PYPROC_BAD_LENGTH;
        size -= 18; /* [FRM-2] */
    }
    if (size > f->max_payload)
        return PYPROC_TOO_LARGE;
    enum pyproc_status status = read_payload(f, size);
    if (status != PYPROC_OK)
        return status;
    if (f->framing == PYPROC_ENHANCED) {
        if (pyproc_crc32c(f->buffer, size) != get32(header + 14))
            return PYPROC_BAD_CRC;
        frame->id = (uint64_t)get32(header + 6) << 32 | get32(header + 10);
    }
    frame->payload = f->buffer;
    frame->size = size;
    return PYPROC_OK;
}

/* The buffer grows as bytes arrive, not to what the header claims [FRM-11]. */
static enum pyproc_status read_payload(struct pyproc_framer *f, size_t size) {
    size_t have = 0;
    while (have < size) {
        if (have == f->capacity) {
            size_t capacity = have == 0 ? 4096 : 2 * have;
            unsigned char *buffer = realloc(f->buffer, capacity);
            if (buffer == NULL)
                return PYPROC_NO_MEMORY;
            f->buffer = buffer;
            f->capacity = capacity;
        }
        size_t until = size < f->capacity ? size : f->capacity;
        enum pyproc_status status = read_some(f, f->buffer, until, &have);
        if (status != PYPROC_OK)
            return status;
    }
    return PYPROC_OK;
}

static enum pyproc_status read_some(struct pyproc_framer *f, unsigned char *into, size_t size,
                                    size_t *have) {
    ssize_t n;
    do
        n = f->stream.read(f->stream.self, into + *have, size - *have);
    while (n < 0 && errno == EINTR);
    if (n < 0)
        return PYPROC_IO;
    *have += (size_t)n;
    return n == 0 ? PYPROC_TRUNCATED : PYPROC_OK;
}

enum pyproc_status pyproc_write(struct pyproc_framer *f, const struct pyproc_frame *frame) {
    if (frame->size > f->max_payload)
        return PYPROC_TOO_LARGE;
    unsigned char *bytes = malloc(18 + frame->size), *payload = bytes;
    if (bytes == NULL)
        return PYPROC_NO_MEMORY;
    if (f->framing == PYPROC_BASIC) {
        put32(bytes, (uint32_t)frame->size);
        payload += 4;
    } else {
        memcpy(bytes, "PY", 2);
        put32(bytes + 2, (uint32_t)frame->size + 18);
        put32(bytes + 6, (uint32_t)(frame->id >> 32));
        put32(bytes + 10, (uint32_t)frame->id);
        put32(bytes + 14, pyproc_crc32c(frame->payload, frame->size));
        payload += 18;
    }
    if (frame->size > 0)
        memcpy(payload, frame->payload, frame->size);

    pthread_mutex_lock(&f->writing); /* [STR-5] */
    if (f->write_status == PYPROC_OK)
        f->write_status = write_all(f, bytes, (size_t)(payload - bytes) + frame->size);
    enum pyproc_status status = f->write_status;
    pthread_mutex_unlock(&f->writing);
    free(bytes);
    return status;
}

static enum pyproc_status write_all(struct pyproc_framer *f, const unsigned char *bytes,
                                    size_t size) {
    while (size > 0) {
        ssize_t n = f->stream.write(f->stream.self, bytes, size);
        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0)
            return PYPROC_IO;
        bytes += n;
        size -= (size_t)n;
    }
    return PYPROC_OK;
}

const char *pyproc_name(enum pyproc_status status) {
    static const char *const names[] = {"ok",         "eof",       "bad_magic",
                                        "bad_length", "too_large", "truncated",
                                        "bad_crc",    "io",        "no_memory"};
    return names[status];
}

/* Half a byte at a time: 16 numbers that every reader can check do for a table. */
uint32_t pyproc_crc32c(const unsigned char *bytes, size_t size) {
    static const uint32_t table[] = {0x00000000, 0x105ec76f, 0x20bd8ede, 0x30e349b1,
                                     0x417b1dbc, 0x5125dad3, 0x61c69362, 0x7198540d,
                                     0x82f63b78, 0x92a8fc17, 0xa24bb5a6, 0xb21572c9,
                                     0xc38d26c4, 0xd3d3e1ab, 0xe330a81a, 0xf36e6f75};
    uint32_t crc = 0xffffffff;
    for (; size > 0; size--) {
        crc ^= *bytes++;
        crc = crc >> 4 ^ table[crc & 15];
        crc = crc >> 4 ^ table[crc & 15];
    }
    return ~crc;
}

static uint32_t get32(const unsigned char *from) {
    return (uint32_t)from[0] << 24 | (uint32_t)from[1] << 16 | (uint32_t)from[2] << 8 | from[3];
}

static void put32(unsigned char *to, uint32_t number) {
    for (int i = 0; i < 4; i++)
        to[i] = (unsigned char)(number >> (24 - 8 * i));
}
