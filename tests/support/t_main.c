#include "support/alloc.h"
#include "support/test.h"

static void begin_test(void)
{
    t_alloc_forgive();
}

static void end_test(void)
{
    t_alloc_fail(0);
    t_alloc_check_leaks();
}

int t_main_tables(const char *name, const TTest *const *tests, const struct t_table *tables)
{
    Suite *suite = suite_create(name);
    TCase *tcase = tcase_create(name);
    SRunner *runner;
    int failed;

    t_alloc_install();
    tcase_add_checked_fixture(tcase, begin_test, end_test);
    for (; *tests; tests++)
        tcase_add_test(tcase, *tests);
    for (; tables && tables->test; tables++)
        tcase_add_loop_test(tcase, tables->test, 0, tables->n);
    suite_add_tcase(suite, tcase);
    runner = srunner_create(suite);
    srunner_run_all(runner, CK_ENV);
    failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed ? 1 : 0;
}

int t_main(const char *name, const TTest *const *tests)
{
    return t_main_tables(name, tests, NULL);
}

long long t_ok(const char *call, long long rc, const char *file, int line)
{
    if (rc < 0)
        ck_abort_msg("%s:%d: %s failed: %s (%s)", file, line, call, proa_err_name((int)rc),
                     proa_err_detail((int)rc));
    return rc;
}

void t_err(const char *call, long long rc, int code, const char *file, int line)
{
    if (rc != code)
        ck_abort_msg("%s:%d: %s gave %lld (%s), not %s", file, line, call, rc,
                     proa_err_name((int)rc), proa_err_name(code));
}

void t_str_eq(const char *what, struct proa_str s, const char *cstr, const char *file, int line)
{
    if (!proa_str_eq(s, proa_str_from(cstr)))
        ck_abort_msg("%s:%d: %s is \"%.*s\" (%zu bytes), not \"%s\"", file, line, what, PROA_PRI(s),
                     s.n, cstr);
}
