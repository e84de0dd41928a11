# tools: the checks of the tree itself, run with the tests; tests/tools shows that each can fail.
dist_check_SCRIPTS += \
	%D%/check-docs \
	%D%/check-exports \
	%D%/check-format \
	%D%/check-headers \
	%D%/check-layers \
	%D%/check-listings \
	%D%/check-size \
	tests/tools/test-checks \
	tests/tools/test-install \
	tests/tools/test-totals
EXTRA_DIST += .ci/run %D%/c-code.awk %D%/count-tests.awk %D%/demo %D%/setup %D%/test
dist_pkgdata_DATA = %D%/proa-gdb.py
