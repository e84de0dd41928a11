#include "base/date.h"

#include <proa/err.h>

#include <string.h>

enum { DAY = 86400, EPOCH = 719528 /* days from 0000-01-01 to 1970-01-01 */ };

static const char day_names[7][4] = {"Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"};
static const char *const long_day_names[7] = {"Sunday",   "Monday", "Tuesday", "Wednesday",
                                              "Thursday", "Friday", "Saturday"};
static const char month_names[12][4] = {"Jan", "Feb", "Mar", "Apr", "May", "Jun",
                                        "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"};

static bool is_leap(int year)
{
    return (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;
}

int proa__date_month_days(int year, int month)
{
    static const int days[12] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};

    return days[month - 1] + (month == 2 && is_leap(year));
}

/* Days from 0000-01-01 to the first of this year. */
static int year_start(int year)
{
    return 365 * year + (year + 3) / 4 - (year + 99) / 100 + (year + 399) / 400;
}

int64_t proa__date_join(const struct date *d)
{
    int days = year_start(d->year) - EPOCH + d->day - 1;

    for (int month = 1; month < d->month; month++)
        days += proa__date_month_days(d->year, month);
    return (int64_t)days * DAY + d->hour * 3600 + d->minute * 60 + d->second;
}

void proa__date_split(struct date *ret, int64_t seconds)
{
    if (seconds < DATE_MIN)
        seconds = DATE_MIN;
    if (seconds > DATE_MAX)
        seconds = DATE_MAX;

    int days = (int)((seconds - DATE_MIN) / DAY);
    int rest = (int)((seconds - DATE_MIN) % DAY);
    int year = (int)((int64_t)days * 400 / 146097) + 1; /* right, or up to two too many */
    int month = 1;

    ret->weekday = (days + 6) % 7; /* 0000-01-01 was a Saturday */
    while (year_start(year) > days)
        year--;
    days -= year_start(year);
    while (days >= proa__date_month_days(year, month))
        days -= proa__date_month_days(year, month++);
    ret->year = year;
    ret->month = month;
    ret->day = days + 1;
    ret->hour = rest / 3600;
    ret->minute = rest / 60 % 60;
    ret->second = rest % 60;
}

static void put_digits(char *dst, int n, int value)
{
    while (n-- > 0) {
        dst[n] = (char)('0' + value % 10);
        value /= 10;
    }
}

void proa__date_write(char dst[DATE_ROOM], int64_t seconds)
{
    struct date d;

    proa__date_split(&d, seconds);
    memcpy(dst, "Sun, 06 Nov 1994 08:49:37 GMT", DATE_ROOM);
    memcpy(dst, day_names[d.weekday], 3);
    put_digits(dst + 5, 2, d.day);
    memcpy(dst + 8, month_names[d.month - 1], 3);
    put_digits(dst + 12, 4, d.year);
    put_digits(dst + 17, 2, d.hour);
    put_digits(dst + 20, 2, d.minute);
    put_digits(dst + 23, 2, d.second);
}

/* ---- reading: each take_ moves over what it takes, or says false */

static bool take(struct proa_str *s, struct proa_str text)
{
    if (!proa_str_starts(*s, text))
        return false;
    *s = proa_str_sub(*s, text.n, PROA_UNLIMITED);
    return true;
}

static bool take_number(struct proa_str *s, size_t digits, int *ret)
{
    uint64_t value;

    if (s->n < digits || proa_str_parse_uint(proa_str_sub(*s, 0, digits), &value) < 0)
        return false;
    *s = proa_str_sub(*s, digits, PROA_UNLIMITED);
    *ret = (int)value;
    return true;
}

static bool take_month(struct proa_str *s, int *ret)
{
    for (int i = 0; i < 12; i++)
        if (take(s, proa_str_make(month_names[i], 3))) {
            *ret = i + 1;
            return true;
        }
    return false;
}

static bool take_time(struct proa_str *s, struct date *d)
{
    return take_number(s, 2, &d->hour) && take(s, PROA_STR(":")) && take_number(s, 2, &d->minute) &&
           take(s, PROA_STR(":")) && take_number(s, 2, &d->second);
}

/* "06 Nov 1994 08:49:37 GMT" */
static bool take_fixdate(struct proa_str *s, struct date *d)
{
    return take_number(s, 2, &d->day) && take(s, PROA_STR(" ")) && take_month(s, &d->month) &&
           take(s, PROA_STR(" ")) && take_number(s, 4, &d->year) && take(s, PROA_STR(" ")) &&
           take_time(s, d) && take(s, PROA_STR(" GMT"));
}

/* "06-Nov-94 08:49:37 GMT" */
static bool take_rfc850(struct proa_str *s, struct date *d)
{
    return take_number(s, 2, &d->day) && take(s, PROA_STR("-")) && take_month(s, &d->month) &&
           take(s, PROA_STR("-")) && take_number(s, 2, &d->year) && take(s, PROA_STR(" ")) &&
           take_time(s, d) && take(s, PROA_STR(" GMT"));
}

/* "Nov  6 08:49:37 1994" */
static bool take_asctime(struct proa_str *s, struct date *d)
{
    return take_month(s, &d->month) && take(s, PROA_STR(" ")) &&
           (take(s, PROA_STR(" ")) ? take_number(s, 1, &d->day) : take_number(s, 2, &d->day)) &&
           take(s, PROA_STR(" ")) && take_time(s, d) && take(s, PROA_STR(" ")) &&
           take_number(s, 4, &d->year);
}

/* The latest year with these two digits that makes the date at most fifty years later than now. */
static int full_year(const struct date *d, int64_t now)
{
    struct date last;
    struct date guess = *d;

    proa__date_split(&last, now);
    last.year += 50;
    guess.year = last.year / 100 * 100 + d->year;
    if (guess.year > last.year ||
        (guess.year == last.year && proa__date_join(&guess) > proa__date_join(&last)))
        guess.year -= 100;
    return guess.year;
}

static bool is_valid(const struct date *d)
{
    return d->year >= 0 && d->year <= 9999 && d->day >= 1 &&
           d->day <= proa__date_month_days(d->year, d->month) && d->hour <= 23 && d->minute <= 59 &&
           d->second <= 60; /* 60: a leap second */
}

static bool take_date(struct proa_str s, int64_t now, struct date *d)
{
    for (int i = 0; i < 7; i++) {
        if (take(&s, proa_str_from(long_day_names[i]))) {
            if (!take(&s, PROA_STR(", ")) || !take_rfc850(&s, d))
                return false;
            d->year = full_year(d, now);
            return s.n == 0;
        }
        if (take(&s, proa_str_make(day_names[i], 3)))
            return (take(&s, PROA_STR(", ")) ? take_fixdate(&s, d)
                                             : take(&s, PROA_STR(" ")) && take_asctime(&s, d)) &&
                   s.n == 0;
    }
    return false;
}

int proa__date_parse(struct proa_str s, int64_t now, int64_t *ret)
{
    struct date d = {0};

    if (!take_date(s, now, &d) || !is_valid(&d))
        return PROA_EDATE;
    *ret = proa__date_join(&d);
    return 0;
}
