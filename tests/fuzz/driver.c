#include "fuzz/fuzz.h"

#include <signal.h>
#include <stdbool.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

/*
 * driver: runs a fuzz target without libFuzzer.
 *
 *     fuzz_X [RUNS]       RUNS inputs (100000), made of the seeds, always the same ones
 *     fuzz_X FILE...      the inputs in these files
 *
 * Each input lies flush against a page that cannot be touched. When the target dies, the input is
 * written to standard error in hexadecimal.
 */

enum { LARGEST = 4096 };

static uint64_t state = 1;
static char *fence; /* the first byte that cannot be touched */
static const uint8_t *input;
static size_t input_size;

static size_t below(size_t bound)
{
    uint64_t z = state += 0x9e3779b97f4a7c15;

    z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9;
    z = (z ^ z >> 27) * 0x94d049bb133111eb;
    return (size_t)((z ^ z >> 31) % bound);
}

static void tell_input(int sig)
{
    static const char digits[] = "0123456789abcdef";
    char text[3] = "";

    (void)!write(STDERR_FILENO, "input: ", 7);
    for (size_t i = 0; i < input_size; i++) {
        text[0] = digits[input[i] >> 4];
        text[1] = digits[input[i] & 15];
        (void)!write(STDERR_FILENO, text, 2);
    }
    (void)!write(STDERR_FILENO, "\n", 1);
    signal(sig, SIG_DFL);
    raise(sig);
}

static void run(const uint8_t *bytes, size_t n)
{
    input = (const uint8_t *)fence - n;
    input_size = n;
    memcpy(fence - n, bytes, n);
    LLVMFuzzerTestOneInput(input, n);
}

/* Bytes that parsers care about. */
static uint8_t any_byte(void)
{
    static const uint8_t telling[] = "\0\t\r\n %+/=:;,-.\"\\<&?#@[]{}0159aAfFgGzZ\x7f\x80\xc3\xff";

    return below(3) ? telling[below(sizeof telling - 1)] : (uint8_t)below(256);
}

/* Change the `n` bytes at `p`, which has room for LARGEST. Returns how many they are then. */
static size_t change(uint8_t *p, size_t n)
{
    size_t at = n ? below(n) : 0;
    size_t many = n ? below(n - at) + 1 : 0;

    switch (below(7)) {
    case 0: /* one byte is another one */
        if (n)
            p[at] = any_byte();
        return n;
    case 1: /* one bit */
        if (n)
            p[at] ^= (uint8_t)(1u << below(8));
        return n;
    case 2: /* one more */
        if (n == LARGEST)
            return n;
        memmove(p + at + 1, p + at, n - at);
        p[at] = any_byte();
        return n + 1;
    case 3: /* some fewer */
        memmove(p + at, p + at + many, n - at - many);
        return n - many;
    case 4: /* some twice */
        if (n + many > LARGEST)
            return n;
        memmove(p + at + many, p + at, n - at);
        return n + many;
    case 5: /* cut off */
        return at;
    default: /* two change places */
        if (n) {
            size_t other = below(n);
            uint8_t byte = p[at];
            p[at] = p[other];
            p[other] = byte;
        }
        return n;
    }
}

static size_t seed_count(void)
{
    size_t n = 0;

    while (fuzz_seeds[n].p)
        n++;
    return n;
}

static void run_seeds(unsigned long runs)
{
    static uint8_t bytes[LARGEST];
    size_t seeds = seed_count();

    for (size_t i = 0; i < seeds; i++)
        run((const uint8_t *)fuzz_seeds[i].p, fuzz_seeds[i].n);
    for (unsigned long i = 0; i < runs; i++) {
        const struct fuzz_seed *seed = &fuzz_seeds[below(seeds)];
        size_t n = seed->n;
        memcpy(bytes, seed->p, n);
        for (size_t changes = below(8) + 1; changes; changes--)
            n = change(bytes, n);
        run(bytes, n);
    }
}

static void run_file(const char *path)
{
    static uint8_t bytes[LARGEST];
    FILE *f = fopen(path, "rb");

    if (!f) {
        perror(path);
        exit(1);
    }
    run(bytes, fread(bytes, 1, sizeof bytes, f));
    fclose(f);
}

int main(int argc, char **argv)
{
    size_t page = (size_t)sysconf(_SC_PAGESIZE);
    size_t size = (LARGEST + page - 1) / page * page;
    char *end = NULL;
    unsigned long runs = argc == 2 ? strtoul(argv[1], &end, 10) : 100000;
    bool files = argc > 2 || (argc == 2 && *end);

    fence = mmap(NULL, size + page, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (fence == MAP_FAILED)
        return 1;
    fence += size;
    mprotect(fence, page, PROT_NONE);
    signal(SIGABRT, tell_input);
    signal(SIGSEGV, tell_input);

    if (files)
        for (int i = 1; i < argc; i++)
            run_file(argv[i]);
    else
        run_seeds(runs);
    return 0;
}
