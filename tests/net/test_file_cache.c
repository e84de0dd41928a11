/* What is known of the page cache before a file is given to sendfile. */

#include "net/file_io.h"
#include "net/files.h"
#include "support/t_run.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

enum { MIB = 1 << 20 };

/* Linux 6.5 and later, but for a Valgrind that does not know the call. */
static bool kernel_counts_pages(int fd)
{
    uint64_t range[2] = {0, 1}, stat[5];

    return syscall(451, fd, range, stat, 0) == 0;
}

/* The ends of a range in the cache, its middle not: no reason to give it to the system. */
static int hole_body(void *arg)
{
    int fd = t_file_fd(MIB);
    static char bytes[4096];
    bool whole;

    (void)arg;
    ck_assert(!t_file_tells(fd) || proa__file_is_cached(fd, 0, MIB));
    fsync(fd);
    posix_fadvise(fd, 0, 0, POSIX_FADV_DONTNEED);
    posix_fadvise(fd, 0, 0, POSIX_FADV_RANDOM); /* no reading ahead */
    ck_assert_int_eq(pread(fd, bytes, sizeof bytes, 0), sizeof bytes);
    ck_assert_int_eq(pread(fd, bytes, sizeof bytes, MIB - 4096), sizeof bytes);
    whole = proa__file_is_cached(fd, 0, MIB);
    if (t_file_tells(fd) && kernel_counts_pages(fd) &&
        proa__file_read_now(fd, bytes, 1, MIB / 2) == PROA_EAGAIN)
        ck_assert(!whole);
    ck_assert(!t_file_tells(fd) || proa__file_is_cached(fd, MIB - 1, 1));
    close(fd);
    return 0;
}
START_TEST(a_hole_in_the_cache_is_seen)
{
    t_run(hole_body, NULL);
}
END_TEST

/* Memory as a file system does not say what is cached (RWF_NOWAIT); the count of pages does. */
static int memory_body(void *arg)
{
    int fd = memfd_create("proa test", MFD_CLOEXEC);

    (void)arg;
    ck_assert_int_eq(ftruncate(fd, MIB), 0);
    for (int64_t at = 0; at < MIB; at += 4096)
        ck_assert_int_eq(pwrite(fd, "x", 1, at), 1);
    if (!t_file_tells(fd)) {
        ck_assert(proa__file_is_cached(fd, 0, MIB) == kernel_counts_pages(fd));
        proa__file_faults = FILE_NO_CACHESTAT;
        ck_assert(!proa__file_is_cached(fd, 0, MIB));
        proa__file_faults = 0;
    }
    close(fd);
    return 0;
}
START_TEST(a_file_in_memory_is_cached_if_its_pages_can_be_counted)
{
    t_run(memory_body, NULL);
}
END_TEST

int main(void)
{
    return t_main("file cache", (const TTest *const[]){
                                    a_hole_in_the_cache_is_seen,
                                    a_file_in_memory_is_cached_if_its_pages_can_be_counted, NULL});
}
