#ifndef HTTP_CODING_H
#define HTTP_CODING_H

/*
 * coding: content codings done and undone, as filters from bytes to bytes.
 *
 * A decoder never makes more than 64 KiB a call, never more in all than its limit, and never more
 * than a thousand times what came in once that is beyond a mebibyte: a small body cannot fill the
 * memory. A body that is cut short, or goes on behind its end, is an error and no quiet end. Floor:
 * http. zlib.h is included in gzip.c alone.
 */

#include <proa/headers.h>
#include <proa/str.h>

#include <stdbool.h>
#include <stdint.h>

enum coding {
    CODING_IDENTITY,
    CODING_GZIP,    /* also x-gzip */
    CODING_DEFLATE, /* zlib's format, or raw deflate as some servers send it */
    CODING_OTHER,
};

enum { CODING_STEP_MAX = 64 * 1024 }; /* bytes one call makes: what a task may do without a break */

/* The coding of one token of Content-Encoding. */
enum coding proa__coding_from(struct proa_str token);

/* Its token: "gzip", "deflate", "identity". */
const char *proa__coding_name(enum coding coding);

/*
 * Choose the coding of a response from the request's Accept-Encoding: CODING_GZIP if the client
 * wants it at least as much as none; CODING_IDENTITY; CODING_OTHER if the client accepts neither
 * (406, or identity all the same).
 */
enum coding proa__coding_choose(const struct proa_headers *request);

struct decoder;
struct http_limits;

/*
 * Make the decoder for a message's Content-Encoding. Returns 1; 0 if nothing is to be undone (*ret
 * is NULL); PROA_EHTTPCODING for an unknown coding or more than limits->codings; PROA_ENOMEM.
 * `max_out`: most bytes it may give in all. `limits` must outlive it.
 */
int proa__decoder_new(struct decoder **ret, const struct proa_headers *headers,
                      const struct http_limits *limits, uint64_t max_out);

/*
 * Decode: takes bytes off `in`, writes at most `cap` (and CODING_STEP_MAX) bytes to `out`. `last`
 * says that nothing comes behind `in`. Returns 1 when the body is complete; 0 when it wants to be
 * called again: with more input if `in` is empty and *ret_n is 0, else with more room. PROA_ECODING
 * (broken, cut short, goes on behind its end), PROA_EHTTPBODYSIZE (ratio or limit), PROA_ENOMEM.
 * *ret_n is right on every return.
 */
int proa__decoder_run(struct decoder *decoder, struct proa_str *in, bool last, void *out,
                      size_t cap, size_t *ret_n);

void proa__decoder_free(struct decoder *decoder);

struct encoder;

enum encoder_step {
    ENCODER_MORE,  /* keep what packs better with what comes */
    ENCODER_FLUSH, /* all that came so far must be readable for the peer */
    ENCODER_END,   /* no more input */
};

/* Make a gzip encoder; level 1 to 9, 0 for the default. */
int proa__encoder_new(struct encoder **ret, int level);

/* Encode: takes bytes off `in`, writes at most `cap` to `out`. Returns 1 when the step is done, 0
 * when `out` was too small: call again with the same step. */
int proa__encoder_run(struct encoder *encoder, struct proa_str *in, enum encoder_step step,
                      void *out, size_t cap, size_t *ret_n);

void proa__encoder_free(struct encoder *encoder);

#endif
