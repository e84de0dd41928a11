#ifndef BASE_DATE_H
#define BASE_DATE_H

/*
 * date: the dates of HTTP (RFC 9110, section 5.6.7), by our own arithmetic: no locale, no time
 * zone.
 *
 *   Sun, 06 Nov 1994 08:49:37 GMT     what we write, and what nearly everybody sends
 *   Sunday, 06-Nov-94 08:49:37 GMT    obsolete, still to be read
 *   Sun Nov  6 08:49:37 1994          C's asctime, still to be read
 *
 * Moments are seconds since 1970 UTC, of the years 0000 to 9999.
 *
 * Floor: base.
 */

#include <proa/str.h>

#include <stdint.h>

enum { DATE_ROOM = 30 }; /* of a written date, with its NUL */

#define DATE_MIN INT64_C(-62167219200) /* 0000-01-01 00:00:00 */
#define DATE_MAX INT64_C(253402300799) /* 9999-12-31 23:59:59 */

struct date {
    int year;    /* 0 .. 9999 */
    int month;   /* 1 .. 12 */
    int day;     /* 1 .. 31 */
    int hour;    /* 0 .. 23 */
    int minute;  /* 0 .. 59 */
    int second;  /* 0 .. 60 */
    int weekday; /* 0 (Sunday) .. 6 */
};

/* Write a moment as 29 characters and a NUL. What is outside the years is written as the nearest
 * moment inside. */
void proa__date_write(char dst[DATE_ROOM], int64_t seconds);

/* Read any of the three forms; PROA_EDATE if it is none of them, or no day of the calendar. A year
 * of two digits is the one within fifty years of `now` in the future, else in the past. The name of
 * the day must be one, and need not be right. */
int proa__date_parse(struct proa_str s, int64_t now, int64_t *ret);

/* The calendar both ways; split clamps as write does, join takes valid fields and ignores weekday.
 */
void proa__date_split(struct date *ret, int64_t seconds);
int64_t proa__date_join(const struct date *d);

/* Days that this month has. */
int proa__date_month_days(int year, int month);

#endif
