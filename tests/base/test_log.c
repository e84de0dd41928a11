#include "base/log.h"
#include "support/test.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

struct heard {
    int n;
    enum proa_log_level level;
    char text[600];
};

static void hear(enum proa_log_level level, const char *text, void *arg)
{
    struct heard *heard = arg;

    heard->n++;
    heard->level = level;
    ck_assert_uint_lt(strlen(text), 500);
    strcpy(heard->text, text);
    errno = EBADF; /* a sink may call anything */
}

START_TEST(sink_gets_level_and_text)
{
    struct heard heard = {0};

    proa_log_set(hear, &heard);
    errno = 7;
    proa__log(PROA_LOG_WARNING, "accept failed %d times", 3);
    ck_assert_int_eq(errno, 7);
    ck_assert_int_eq(heard.n, 1);
    ck_assert_int_eq(heard.level, PROA_LOG_WARNING);
    ck_assert_str_eq(heard.text, "accept failed 3 times");
}
END_TEST

START_TEST(level_says_what_is_heard)
{
    struct heard heard = {0};

    proa_log_set(hear, &heard);
    for (int least = PROA_LOG_ERROR; least <= PROA_LOG_DEBUG; least++) {
        if (least != PROA_LOG_WARNING) /* which is the default */
            proa_log_set_level((enum proa_log_level)least);
        for (int level = PROA_LOG_ERROR; level <= PROA_LOG_DEBUG; level++) {
            heard.n = 0;
            proa__log((enum proa_log_level)level, "x");
            ck_assert_int_eq(heard.n, level <= least);
            ck_assert_int_eq(proa__log_wanted((enum proa_log_level)level), level <= least);
        }
        proa_log_set_level(PROA_LOG_WARNING);
    }
}
END_TEST

START_TEST(warnings_are_the_default)
{
    ck_assert(proa__log_wanted(PROA_LOG_WARNING));
    ck_assert(!proa__log_wanted(PROA_LOG_INFO));
}
END_TEST

START_TEST(long_text_is_cut_and_control_bytes_are_not_passed_on)
{
    struct heard heard = {0};

    proa_log_set(hear, &heard);
    proa__log(PROA_LOG_ERROR, "%*d\n", 600, 1);
    ck_assert_uint_eq(strlen(heard.text), 499);
    proa__log(PROA_LOG_ERROR, "a\nproa: error: forged\x1b[m");
    ck_assert_str_eq(heard.text, "a?proa: error: forged?[m");
}
END_TEST

/* What is written to standard error while `level` is logged. */
static const char *written(enum proa_log_level level, int width)
{
    static char text[1024];
    int fds[2], saved = dup(STDERR_FILENO);

    ck_assert_int_eq(pipe(fds), 0);
    dup2(fds[1], STDERR_FILENO);
    proa__log(level, "%*s", width, "text");
    dup2(saved, STDERR_FILENO);
    close(fds[1]);
    close(saved);
    ssize_t n = read(fds[0], text, sizeof text - 1);
    close(fds[0]);
    text[n > 0 ? n : 0] = '\0';
    return text;
}

START_TEST(without_a_sink_lines_go_to_standard_error)
{
    struct heard heard = {0};

    ck_assert_str_eq(written(PROA_LOG_WARNING, 0), "proa: warning: text\n");
    ck_assert_str_eq(written(PROA_LOG_ERROR, 0), "proa: error: text\n");
    ck_assert_str_eq(written(PROA_LOG_INFO, 0), "");
    proa_log_set_level(PROA_LOG_DEBUG);
    ck_assert_str_eq(written(PROA_LOG_INFO, 0), "proa: info: text\n");
    ck_assert_str_eq(written(PROA_LOG_DEBUG, 0), "proa: debug: text\n");
    const char *line = written(PROA_LOG_WARNING, 600);
    ck_assert_uint_eq(strlen(line), strlen("proa: warning: ") + 499 + 1);
    ck_assert_int_eq(line[strlen(line) - 1], '\n');
    proa_log_set(hear, &heard);
    ck_assert_str_eq(written(PROA_LOG_ERROR, 0), "");
    proa_log_set(NULL, NULL);
    ck_assert_str_eq(written(PROA_LOG_ERROR, 0), "proa: error: text\n");
}
END_TEST

int main(void)
{
    return t_main("log",
                  (const TTest *const[]){sink_gets_level_and_text, level_says_what_is_heard,
                                         warnings_are_the_default,
                                         long_text_is_cut_and_control_bytes_are_not_passed_on,
                                         without_a_sink_lines_go_to_standard_error, NULL});
}
