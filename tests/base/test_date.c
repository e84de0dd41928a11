#include "base/date.h"
#include "support/test.h"

#include <locale.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define S(literal) PROA_STR(literal)

#define NOV_1994 INT64_C(784111777) /* Sun, 06 Nov 1994 08:49:37 GMT */
#define DAY 86400

static const char *written(int64_t seconds)
{
    static char text[DATE_ROOM];

    proa__date_write(text, seconds);
    return text;
}

static int64_t parsed(const char *text, int64_t now)
{
    int64_t seconds = 0;

    ck_ok(proa__date_parse(t_unreadable_str(text), now, &seconds));
    return seconds;
}

START_TEST(written_is_imf_fixdate)
{
    ck_assert_str_eq(written(NOV_1994), "Sun, 06 Nov 1994 08:49:37 GMT");
    ck_assert_str_eq(written(0), "Thu, 01 Jan 1970 00:00:00 GMT");
    ck_assert_str_eq(written(-1), "Wed, 31 Dec 1969 23:59:59 GMT");
    ck_assert_str_eq(written(951782400), "Tue, 29 Feb 2000 00:00:00 GMT");
    ck_assert_str_eq(written(4107542400), "Mon, 01 Mar 2100 00:00:00 GMT");
    ck_assert_str_eq(written(4107542399), "Sun, 28 Feb 2100 23:59:59 GMT");
}
END_TEST

START_TEST(outside_the_years_the_nearest_moment_is_written)
{
    ck_assert_str_eq(written(DATE_MIN), "Sat, 01 Jan 0000 00:00:00 GMT");
    ck_assert_str_eq(written(DATE_MIN - 1), "Sat, 01 Jan 0000 00:00:00 GMT");
    ck_assert_str_eq(written(INT64_MIN), "Sat, 01 Jan 0000 00:00:00 GMT");
    ck_assert_str_eq(written(DATE_MAX), "Fri, 31 Dec 9999 23:59:59 GMT");
    ck_assert_str_eq(written(DATE_MAX + 1), "Fri, 31 Dec 9999 23:59:59 GMT");
    ck_assert_str_eq(written(INT64_MAX), "Fri, 31 Dec 9999 23:59:59 GMT");
}
END_TEST

START_TEST(locale_does_not_matter)
{
    setenv("LC_ALL", "de_DE.UTF-8", 1);
    setenv("TZ", "Asia/Kolkata", 1);
    setlocale(LC_ALL, "");
    tzset();
    ck_assert_str_eq(written(NOV_1994), "Sun, 06 Nov 1994 08:49:37 GMT");
    ck_assert_int_eq(parsed("Sun, 06 Nov 1994 08:49:37 GMT", 0), NOV_1994);
}
END_TEST

/* Every day of 10,000 years against the C library's calendar, the time of day varying too. */
START_TEST(calendar_agrees_with_the_c_library)
{
    struct t_random random = {7};

    for (int64_t at = DATE_MIN; at < DATE_MAX; at += DAY) {
        time_t when = at + (int64_t)t_random_below(&random, DAY);
        struct tm tm;
        struct date d;

        gmtime_r(&when, &tm);
        proa__date_split(&d, when);
        if (d.year != tm.tm_year + 1900 || d.month != tm.tm_mon + 1 || d.day != tm.tm_mday ||
            d.hour != tm.tm_hour || d.minute != tm.tm_min || d.second != tm.tm_sec ||
            d.weekday != tm.tm_wday || proa__date_join(&d) != when)
            ck_abort_msg("at %lld", (long long)when);
    }
}
END_TEST

START_TEST(three_forms_are_read)
{
    ck_assert_int_eq(parsed("Sun, 06 Nov 1994 08:49:37 GMT", 0), NOV_1994);
    ck_assert_int_eq(parsed("Sunday, 06-Nov-94 08:49:37 GMT", NOV_1994), NOV_1994);
    ck_assert_int_eq(parsed("Sun Nov  6 08:49:37 1994", 0), NOV_1994);
    ck_assert_int_eq(parsed("Wed Nov 16 08:49:37 1994", 0), NOV_1994 + 10 * DAY);
    ck_assert_int_eq(parsed("Sat Nov 06 08:49:37 1994", 0), NOV_1994); /* lenient: 06, wrong day */
}
END_TEST

START_TEST(written_dates_are_read_back)
{
    struct t_random random = {3};

    for (int i = 0; i < 100000; i++) {
        int64_t at = DATE_MIN + (int64_t)t_random_below(&random, (uint64_t)(DATE_MAX - DATE_MIN));
        int64_t back = 0;

        ck_assert_int_eq(proa__date_parse(proa_str_from(written(at)), 0, &back), 0);
        ck_assert_int_eq(back, at);
    }
}
END_TEST

START_TEST(edges_of_fields)
{
    ck_assert_int_eq(parsed("Tue, 29 Feb 2000 00:00:00 GMT", 0), 951782400);
    ck_assert_int_eq(parsed("Thu, 31 Dec 1998 23:59:60 GMT", 0), 915148800); /* a leap second */
    ck_assert_int_eq(parsed("Sat, 01 Jan 0000 00:00:00 GMT", 0), DATE_MIN);
    ck_assert_int_eq(parsed("Fri, 31 Dec 9999 23:59:59 GMT", 0), DATE_MAX);
}
END_TEST

static const char *const bad[] = {
    "",
    "Sun",
    "Sun,",
    "Sun, ",
    "0",
    "784111777",
    "Sun, 06 Nov 1994 08:49:37",
    "Sun, 06 Nov 1994 08:49:37 ",
    "Sun, 06 Nov 1994 08:49:37 UTC",
    "Sun, 06 Nov 1994 08:49:37 GMT ",
    " Sun, 06 Nov 1994 08:49:37 GMT",
    "Sun, 06 Nov 1994 08:49:37 gmt",
    "Sun, 06 nov 1994 08:49:37 GMT",
    "sun, 06 Nov 1994 08:49:37 GMT",
    "Son, 06 Nov 1994 08:49:37 GMT",
    "Sun, 6 Nov 1994 08:49:37 GMT",
    "Sun,  6 Nov 1994 08:49:37 GMT",
    "Sun,06 Nov 1994 08:49:37 GMT",
    "Sun, 00 Nov 1994 08:49:37 GMT",
    "Sun, 31 Nov 1994 08:49:37 GMT",
    "Sun, 29 Feb 1994 08:49:37 GMT",
    "Sun, 29 Feb 2100 08:49:37 GMT",
    "Sun, 32 Jan 1994 08:49:37 GMT",
    "Sun, 06 Nvo 1994 08:49:37 GMT",
    "Sun, 06 Nov 94 08:49:37 GMT",
    "Sun, 06 Nov 19940 08:49:37 GMT",
    "Sun, 06 Nov +994 08:49:37 GMT",
    "Sun, 06 Nov 1994 24:00:00 GMT",
    "Sun, 06 Nov 1994 08:60:00 GMT",
    "Sun, 06 Nov 1994 08:49:61 GMT",
    "Sun, 06 Nov 1994 8:49:37 GMT",
    "Sun, 06 Nov 1994 08:49 GMT",
    "Sun, 06 Nov 1994 08-49-37 GMT",
    "Sun, 06-Nov-1994 08:49:37 GMT",
    "Sun, 06-Nov-94 08:49:37 GMT",
    "Sunday, 06 Nov 1994 08:49:37 GMT",
    "Sunday, 06-Nov-1994 08:49:37 GMT",
    "Sunday, 31-Nov-94 08:49:37 GMT",
    "Sunday, 29-Feb-95 08:49:37 GMT",
    "Sundays, 06-Nov-94 08:49:37 GMT",
    "Sun Nov 6 08:49:37 1994",
    "Sun Nov  16 08:49:37 1994",
    "Sun Nov  6 08:49:37 1994 GMT",
    "Sun Nov  6 08:49:37 94",
    "Sun Nov 31 08:49:37 1994",
    "Sun, Nov  6 08:49:37 1994",
    "1994-11-06T08:49:37Z",
};

START_TEST(anything_else_is_no_date)
{
    int64_t seconds = 42;

    ck_assert_msg(proa__date_parse(t_unreadable_str(bad[_i]), 0, &seconds) == PROA_EDATE, "%s",
                  bad[_i]);
    ck_assert_int_eq(seconds, 42);
    ck_err(proa__date_parse(S("Sun, 06 Nov 1994 08:49:37 GMT\0"), 0, &seconds), PROA_EDATE);
}
END_TEST

START_TEST(every_prefix_is_no_date)
{
    static const char *const whole[] = {"Sun, 06 Nov 1994 08:49:37 GMT",
                                        "Sunday, 06-Nov-94 08:49:37 GMT",
                                        "Sun Nov  6 08:49:37 1994"};
    int64_t seconds;

    for (size_t i = 0; i < 3; i++)
        for (size_t n = 0; n < strlen(whole[i]); n++)
            ck_err(proa__date_parse(proa_str_make(t_unreadable(whole[i], n), n), 0, &seconds),
                   PROA_EDATE);
}
END_TEST

/* now is 2026-11-23 12:00:00: exactly fifty years ahead is still the future, a second more the
 * past. */
START_TEST(two_digits_are_at_most_fifty_years_ahead)
{
    int64_t now = INT64_C(1795435200);
    int64_t ahead = parsed("Mon, 23 Nov 2076 12:00:00 GMT", 0);

    ck_assert_str_eq(written(now), "Mon, 23 Nov 2026 12:00:00 GMT");
    ck_assert_int_eq(parsed("Monday, 23-Nov-76 12:00:00 GMT", now), ahead);
    ck_assert_int_eq(parsed("Monday, 23-Nov-76 12:00:01 GMT", now),
                     parsed("Tue, 23 Nov 1976 12:00:01 GMT", 0));
    ck_assert_int_eq(parsed("Monday, 01-Jan-77 00:00:00 GMT", now),
                     parsed("Sat, 01 Jan 1977 00:00:00 GMT", 0));
    ck_assert_int_eq(parsed("Monday, 01-Jan-26 00:00:00 GMT", now),
                     parsed("Thu, 01 Jan 2026 00:00:00 GMT", 0));
    ck_assert_int_eq(parsed("Monday, 01-Jan-00 00:00:00 GMT", now), 946684800);
    ck_assert_int_eq(parsed("Monday, 29-Feb-00 00:00:00 GMT", now), 951782400);
    ck_assert_int_eq(parsed("Sunday, 06-Nov-94 08:49:37 GMT", now), NOV_1994);
    /* near the end of a century the next one is the future */
    ck_assert_int_eq(parsed("Monday, 01-Jan-10 00:00:00 GMT", 3786912000 /* 2090 */),
                     parsed("Wed, 01 Jan 2110 00:00:00 GMT", 0));
}
END_TEST

START_TEST(two_digits_before_the_years_are_no_date)
{
    int64_t seconds;

    ck_err(proa__date_parse(S("Monday, 01-Jan-99 00:00:00 GMT"), DATE_MIN, &seconds), PROA_EDATE);
    ck_ok(proa__date_parse(S("Monday, 01-Jan-50 00:00:00 GMT"), DATE_MIN, &seconds));
    ck_err(proa__date_parse(S("Monday, 01-Jan-01 00:00:00 GMT"), DATE_MAX, &seconds), PROA_EDATE);
}
END_TEST

int main(void)
{
    return t_main_tables(
        "date",
        (const TTest *const[]){written_is_imf_fixdate,
                               outside_the_years_the_nearest_moment_is_written,
                               locale_does_not_matter, calendar_agrees_with_the_c_library,
                               three_forms_are_read, written_dates_are_read_back, edges_of_fields,
                               every_prefix_is_no_date, two_digits_are_at_most_fifty_years_ahead,
                               two_digits_before_the_years_are_no_date, NULL},
        (const struct t_table[]){{anything_else_is_no_date, sizeof bad / sizeof *bad}, {NULL, 0}});
}
