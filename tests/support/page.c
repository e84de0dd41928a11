#include "support/test.h"

#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

/* Pages for `n` bytes between two that cannot be touched; the first byte that can. */
static char *fenced(size_t n, size_t *ret_size)
{
    size_t page = (size_t)sysconf(_SC_PAGESIZE);
    size_t size = (n + page - 1) / page * page;
    char *p = mmap(NULL, size + 2 * page, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

    ck_assert_ptr_ne(p, MAP_FAILED);
    ck_assert_int_eq(mprotect(p + page, size, PROT_READ | PROT_WRITE), 0);
    *ret_size = size;
    return p + page;
}

char *t_unreadable(const void *bytes, size_t n)
{
    size_t size;
    char *start = fenced(n, &size);
    char *p = start + (size - n);

    if (n)
        memcpy(p, bytes, n);
    return p;
}

char *t_unreadable_front(const void *bytes, size_t n)
{
    size_t size;
    char *p = fenced(n, &size);

    if (n)
        memcpy(p, bytes, n);
    return p;
}

struct proa_str t_unreadable_str(const char *cstr)
{
    return proa_str_make(t_unreadable(cstr, strlen(cstr)), strlen(cstr));
}
