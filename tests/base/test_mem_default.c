#include "base/mem.h"

#include <proa/err.h>

#include <check.h>

#include <stdlib.h>

/* Without t_main: here nobody set an allocator. */

START_TEST(without_hooks_the_c_library_serves)
{
    char *p = proa__zalloc(100);

    for (int i = 0; i < 100; i++)
        ck_assert_int_eq(p[i], 0);
    p = proa__realloc(p, 10000);
    ck_assert_ptr_nonnull(p);
    free(p); /* it is the C library's own */
    proa__free(malloc(10));
    ck_assert_ptr_null(proa__mem_hooks());
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("mem_default");
    TCase *tcase = tcase_create("mem_default");
    SRunner *runner = srunner_create(suite);
    int failed;

    tcase_add_test(tcase, without_hooks_the_c_library_serves);
    suite_add_tcase(suite, tcase);
    srunner_run_all(runner, CK_ENV);
    failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed ? 1 : 0;
}
