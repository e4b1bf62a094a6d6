/* A framer for the PyProc protocol: frames to bytes, bytes to frames, in both framings.
 * Names in brackets are the clauses of SPEC.md. */
#ifndef PYPROC_FRAMER_H
#define PYPROC_FRAMER_H

#include <pthread.h>
#include <stdint.h>
#include <sys/types.h>

#define PYPROC_DEFAULT_MAX_PAYLOAD 10485760 /* [FRM-13] */

enum pyproc_framing { PYPROC_ENHANCED, PYPROC_BASIC };

enum pyproc_status {
    PYPROC_OK,
    PYPROC_EOF, /* the stream ended between frames */
    PYPROC_BAD_MAGIC,
    PYPROC_BAD_LENGTH,
    PYPROC_TOO_LARGE,
    PYPROC_TRUNCATED,
    PYPROC_BAD_CRC,
    PYPROC_IO, /* the stream failed; errno says why */
    PYPROC_NO_MEMORY
};

/* Reads and writes as read(2) and write(2) do: short counts, and -1 with errno. */
struct pyproc_stream {
    ssize_t (*read)(void *self, void *into, size_t size);
    ssize_t (*write)(void *self, const void *bytes, size_t size);
    void *self;
};

/* In the basic framing the ID is 0. */
struct pyproc_frame {
    uint64_t id;
    const unsigned char *payload;
    size_t size;
};

struct pyproc_framer { /* its fields are for framer.c alone */
    struct pyproc_stream stream;
    enum pyproc_framing framing;
    uint32_t max_payload;
    unsigned char *buffer; /* of the last payload read */
    size_t capacity;
    enum pyproc_status read_status, write_status;
    pthread_mutex_t writing;
};

void pyproc_open(struct pyproc_framer *f, struct pyproc_stream stream, enum pyproc_framing framing,
                 uint32_t max_payload);
void pyproc_close(struct pyproc_framer *f);

/* Reads the next frame; one thread at a time. The payload stays valid until the next read. After an
 * error every later read returns the same one [STR-3]. */
enum pyproc_status pyproc_read(struct pyproc_framer *f, struct pyproc_frame *frame);

/* Writes one frame; from as many threads as you like. PYPROC_TOO_LARGE and PYPROC_NO_MEMORY leave
 * the framer usable [FRM-12], and after PYPROC_IO every later write returns it too [STR-6]. */
enum pyproc_status pyproc_write(struct pyproc_framer *f, const struct pyproc_frame *frame);

/* The name that SPEC.md gives a framing error; ok, eof, io or no_memory. */
const char *pyproc_name(enum pyproc_status status);

uint32_t pyproc_crc32c(const unsigned char *bytes, size_t size); /* [CRC-1] */

#endif
