/* Files loaded and saved whole. */

#include "net/file_io.h"
#include "net/files.h"
#include "support/t_run.h"

#include <proa/file.h>

#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

enum { MIB = 1 << 20 };

static const unsigned manners[] = {0, FILE_COLD};

static uint8_t big[3 * MIB];

static bool is_file(const uint8_t *bytes, int64_t from, int64_t n)
{
    for (int64_t i = 0; i < n; i++) {
        if (bytes[i] != t_byte(from + i))
            return false;
    }
    return true;
}

static int load_body(void *arg)
{
    static const int sizes[] = {0, 1, 4095, 4096, 100000, MIB + 1};
    int size = sizes[*(int *)arg / 2];
    struct proa_buf b;
    char *path;

    proa__file_faults = manners[*(int *)arg % 2];
    path = (char *)(uintptr_t)t_file_path(size);
    proa_buf_init(&b, (size_t)size + 3);
    ck_ok(proa_buf_append(&b, "abc", 3));
    ck_ok(proa_file_load(&b, path)); /* at the limit */
    ck_assert_uint_eq(b.n, (size_t)size + 3);
    ck_assert(is_file((uint8_t *)b.p + 3, 0, size));
    proa_buf_fini(&b);

    if (size) {
        proa_buf_init(&b, (size_t)size + 2); /* a byte too few */
        ck_ok(proa_buf_append(&b, "abc", 3));
        ck_err(proa_file_load(&b, path), PROA_EMSGSIZE);
        ck_str_eq(proa_buf_str(&b), "abc");
        proa_buf_fini(&b);
    }
    t_file_remove();
    proa__file_faults = 0;
    return 0;
}
START_TEST(a_file_is_loaded_within_the_buffers_limit)
{
    t_run(load_body, &_i);
}
END_TEST

static int load_proc_body(void *arg)
{
    struct proa_buf b;

    (void)arg;
    proa_buf_init(&b, 1 << 20);
    ck_ok(proa_file_load(&b, "/proc/self/maps")); /* says that it is empty */
    ck_assert_uint_gt(b.n, 2000);
    ck_assert_ptr_nonnull(strstr(b.p, "[stack]"));
    proa_buf_fini(&b);
    proa_buf_init(&b, 100);
    ck_err(proa_file_load(&b, "/proc/self/maps"), PROA_EMSGSIZE);
    ck_assert_uint_eq(b.n, 0);
    ck_err(proa_file_load(&b, "/proc/self/maps"), PROA_EMSGSIZE);
    proa_buf_clear(&b);
    ck_err(proa_file_load(&b, "/nowhere"), PROA_ENOENT);
    proa_buf_fini(&b);
    return 0;
}
START_TEST(a_file_that_says_it_is_empty_is_loaded)
{
    t_run(load_proc_body, NULL);
}
END_TEST

static void holds(const char *path, const char *text, unsigned mode)
{
    struct proa_buf b;
    struct stat st;

    proa_buf_init(&b, 1000);
    ck_ok(proa_file_load(&b, path));
    ck_str_eq(proa_buf_str(&b), text);
    proa_buf_fini(&b);
    ck_assert_int_eq(stat(path, &st), 0);
    ck_assert_uint_eq(st.st_mode & 07777, mode);
}

static int save_body(void *arg)
{
    const char *path = t_file_path(10);
    char name[320], dir[300];
    struct stat was, is;

    (void)arg;
    umask(022);
    snprintf(dir, sizeof dir, "%.*s", (int)(strrchr(path, '/') - path), path);
    snprintf(name, sizeof name, "%s/new", dir);
    ck_assert_int_eq(chmod(path, 0640), 0);
    snprintf(name, sizeof name, "%s/.file.", dir); /* what is beside may look much like ours */
    close(open(name, O_CREAT | O_WRONLY | O_CLOEXEC, 0600));
    ck_assert_int_eq(stat(path, &was), 0);
    ck_ok(proa_file_save(path, "one", 3, NULL));
    holds(path, "one", 0640); /* as the old one */
    ck_assert_int_eq(unlink(name), 0);
    snprintf(name, sizeof name, "%s/new", dir);
    ck_assert_int_eq(stat(path, &is), 0);
    ck_assert(was.st_ino != is.st_ino);
    ck_ok(proa_file_save(path, "", 0, PROA_FILE_SAVE_OPTS(.mode = 0600, .no_sync = true)));
    holds(path, "", 0600);
    ck_ok(proa_file_save(name, "two", 3, NULL));
    holds(name, "two", 0644);
    ck_assert_int_eq(chdir(dir), 0);
    ck_ok(proa_file_save("new", "three", 5, NULL)); /* no directory in the name */
    holds(name, "three", 0644);
    ck_assert_int_eq(chdir("/"), 0);
    ck_assert_int_eq(unlink(name), 0);

    ck_assert_int_eq(symlink("file", name), 0); /* a link is replaced */
    ck_ok(proa_file_save(name, "four", 4, NULL));
    ck_assert_int_eq(lstat(name, &is), 0);
    ck_assert(S_ISREG(is.st_mode));
    ck_assert_int_eq(unlink(name), 0);

    ck_assert_int_eq(mkdir(name, 0700), 0);
    ck_err(proa_file_save(name, "five", 4, NULL), PROA_EISDIR);
    ck_assert_int_eq(rmdir(name), 0);
    snprintf(name, sizeof name, "%s/no/such", dir);
    ck_err(proa_file_save(name, "six", 3, NULL), PROA_ENOENT);
    holds(path, "", 0600);
    t_file_remove(); /* fails if anything else was left there */
    return 0;
}
START_TEST(a_file_is_saved_whole)
{
    t_run(save_body, NULL);
}
END_TEST

static int save_long_body(void *arg)
{
    const char *path = t_file_path(10);
    char name[600];
    int n = (int)(strrchr(path, '/') - path);

    (void)arg;
    umask(022);
    snprintf(name, sizeof name, "%.*s/%0255d", n, path, 7); /* as long as a name may be */
    ck_ok(proa_file_save(name, "long", 4, NULL));
    holds(name, "long", 0644);
    ck_assert_int_eq(unlink(name), 0);
    t_file_remove();
    return 0;
}
START_TEST(a_file_with_the_longest_name_is_saved)
{
    t_run(save_long_body, NULL);
}
END_TEST

/* In place of the system's: who could open the file before its permissions were set? */
static unsigned mode_before;

int fchmod(int fd, mode_t mode)
{
    struct stat st;

    ck_assert_int_eq(fstat(fd, &st), 0);
    mode_before = st.st_mode & 0777;
    return (int)syscall(SYS_fchmod, fd, mode);
}

static int save_secret_body(void *arg)
{
    const char *path = t_file_path(10);

    (void)arg;
    umask(0);
    ck_assert_int_eq(chmod(path, 0400), 0);
    mode_before = 0777;
    ck_ok(proa_file_save(path, "secret", 6, NULL));
    ck_assert_uint_eq(mode_before, 0400);
    holds(path, "secret", 0400);
    t_file_remove();
    return 0;
}
START_TEST(nobody_can_open_what_is_saved_who_could_not_open_the_old_one)
{
    t_run(save_secret_body, NULL);
}
END_TEST

/* A full disk: the old bytes stay, and nothing beside them. */
static int save_full_body(void *arg)
{
    const struct rlimit small = {.rlim_cur = MIB, .rlim_max = RLIM_INFINITY};
    const char *path = t_file_path(10);
    struct stat st;

    (void)arg;
    setrlimit(RLIMIT_FSIZE, &small);
    ck_err(proa_file_save(path, big, sizeof big, NULL), PROA_EFBIG);
    ck_assert_int_eq(stat(path, &st), 0);
    ck_assert_int_eq(st.st_size, 10);
    t_file_remove();
    return 0;
}
START_TEST(a_save_that_fails_changes_nothing)
{
    signal(SIGXFSZ, SIG_IGN);
    t_run(save_full_body, NULL);
}
END_TEST

static int whole_body(void *arg)
{
    struct proa_buf b;
    int rc = proa_file_save(arg, "0123456789", 10, NULL);

    proa_buf_init(&b, 1000);
    if (rc == 0)
        rc = proa_file_load(&b, arg);
    ck_assert_uint_eq(b.n, rc == 0 ? 10 : 0);
    proa_buf_fini(&b);
    return rc;
}
START_TEST(whole_files_cancelled_at_each_point)
{
    const char *path = t_file_path(10);

    t_each_park(whole_body, (void *)(uintptr_t)path);
    t_file_remove();
}
END_TEST
START_TEST(each_allocation_of_whole_files_fails)
{
    const char *path = t_file_path(10);

    t_run_each_alloc(whole_body, (void *)(uintptr_t)path);
    t_file_remove();
}
END_TEST

int main(void)
{
    return t_main_tables(
        "file whole",
        (const TTest *const[]){a_file_that_says_it_is_empty_is_loaded, a_file_is_saved_whole,
                               a_file_with_the_longest_name_is_saved,
                               nobody_can_open_what_is_saved_who_could_not_open_the_old_one,
                               a_save_that_fails_changes_nothing,
                               whole_files_cancelled_at_each_point,
                               each_allocation_of_whole_files_fails, NULL},
        (const struct t_table[]){{a_file_is_loaded_within_the_buffers_limit, 12}, {NULL, 0}});
}
