#include <proa/version.h>

#include <check.h>

#include <stdio.h>

START_TEST(library_and_headers_agree)
{
    char numbers[32];

    ck_assert_str_eq(proa_version(), PROA_VERSION);
    snprintf(numbers, sizeof numbers, "%d.%d.%d", PROA_VERSION_MAJOR, PROA_VERSION_MINOR,
             PROA_VERSION_PATCH);
    ck_assert_str_eq(numbers, PROA_VERSION);
}
END_TEST

START_TEST(build_and_headers_agree)
{
    ck_assert_str_eq(PACKAGE_VERSION, PROA_VERSION);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("version");
    TCase *tcase = tcase_create("version");
    SRunner *runner = srunner_create(suite);
    int failed;

    tcase_add_test(tcase, library_and_headers_agree);
    tcase_add_test(tcase, build_and_headers_agree);
    suite_add_tcase(suite, tcase);
    srunner_run_all(runner, CK_NORMAL);
    failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed ? 1 : 0;
}
