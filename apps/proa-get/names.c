#include "get.h"

#include <search.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/*
 * names: what each URL's file is called. Given out before anything is fetched, in the order of the
 * URLs, so that the same list makes the same names, whatever comes first.
 */

enum { BASE_MAX = 200, NAME_SIZE = BASE_MAX + 32 };

struct name {
    const char *text;
    unsigned next; /* number to try when it is wanted again */
    char room[];   /* what text points at */
};

static int compare(const void *a, const void *b)
{
    return strcmp(((const struct name *)a)->text, ((const struct name *)b)->text);
}

static struct name *find(void *const *names, const char *text)
{
    struct name key = {.text = text};
    void *found = tfind(&key, names, compare);

    return found ? *(struct name **)found : NULL;
}

static struct name *add(void **names, const char *text)
{
    struct name *name = malloc(sizeof *name + strlen(text) + 1);

    if (!name)
        return NULL;
    name->text = strcpy(name->room, text);
    name->next = 2;
    if (tsearch(name, names, compare))
        return name;
    free(name);
    return NULL;
}

/* A file and its .part are both free: neither may be another's. */
static bool is_free(void *const *names, const char *text)
{
    char part[NAME_SIZE + sizeof ".part"];

    snprintf(part, sizeof part, "%s.part", text);
    return !find(names, text) && !find(names, part);
}

/* The last piece of the URL's path, made harmless: no separator, no control byte, no dot first. */
static void base_of(const char *url, char name[NAME_SIZE])
{
    struct proa_url parsed;
    size_t n = 0;

    strcpy(name, "index.html");
    if (proa_url_parse(&parsed, proa_str_from(url)) < 0)
        return;
    size_t slash = proa_str_rfind(parsed.path, '/');
    struct proa_str last = proa_str_sub(parsed.path, slash == PROA_STR_NONE ? 0 : slash + 1,
                                        PROA_UNLIMITED);
    for (size_t i = 0; i < last.n && n < BASE_MAX; i++) {
        unsigned char c = (unsigned char)last.p[i];
        bool odd = c < 0x20 || c == 0x7f || c == '\\' || (n == 0 && c == '.');
        name[n++] = odd ? '_' : (char)c;
    }
    if (n)
        name[n] = 0;
    proa_url_fini(&parsed);
}

static const char *give(void **names, const char *url)
{
    char text[NAME_SIZE];

    base_of(url, text);
    size_t n = strlen(text);
    struct name *base = find(names, text);
    unsigned number = base ? base->next : 2;
    while (!is_free(names, text))
        snprintf(text + n, sizeof text - n, ".%u", number++);
    if (base)
        base->next = number;

    char part[NAME_SIZE + sizeof ".part"];
    snprintf(part, sizeof part, "%s.part", text);
    struct name *name = add(names, text);
    return name && add(names, part) ? name->text : NULL;
}

int names_give(void **names, struct job *jobs, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        jobs[i].name = give(names, jobs[i].url);
        if (!jobs[i].name)
            return PROA_ENOMEM;
    }
    return 0;
}

void names_free(void *names)
{
    tdestroy(names, free);
}
