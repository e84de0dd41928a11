# tests/fuzz: targets (fuzz.h says what one is). With driver.c they are tests of make check; with
# an empty FUZZ_DRIVER and -fsanitize=fuzzer, as in `long`, libFuzzer drives them.
check_LTLIBRARIES += %D%/libdriver.la
%C%_libdriver_la_SOURCES = %D%/driver.c %D%/fuzz.h
FUZZ_DRIVER = %D%/libdriver.la

fuzz_targets = \
	%D%/fuzz_base64 \
	%D%/fuzz_coding \
	%D%/fuzz_date \
	%D%/fuzz_params \
	%D%/fuzz_percent \
	%D%/fuzz_request \
	%D%/fuzz_response \
	%D%/fuzz_scanner \
	%D%/fuzz_url
check_PROGRAMS += $(fuzz_targets)
CHECK_LONG += '$(srcdir)/%D%/long'
EXTRA_DIST += %D%/long

%C%_fuzz_base64_LDADD = $(FUZZ_DRIVER) $(BASE_LIBS)
%C%_fuzz_coding_LDADD = $(FUZZ_DRIVER) $(HTTP_LIBS)
%C%_fuzz_date_LDADD = $(FUZZ_DRIVER) $(BASE_LIBS)
%C%_fuzz_params_LDADD = $(FUZZ_DRIVER) $(HTTP_LIBS)
%C%_fuzz_percent_LDADD = $(FUZZ_DRIVER) $(BASE_LIBS)
%C%_fuzz_request_SOURCES = %D%/fuzz_request.c %D%/http_stream.c %D%/http_stream.h
%C%_fuzz_request_LDADD = $(FUZZ_DRIVER) $(HTTP_LIBS)
%C%_fuzz_response_SOURCES = %D%/fuzz_response.c %D%/http_stream.c %D%/http_stream.h
%C%_fuzz_response_LDADD = $(FUZZ_DRIVER) $(HTTP_LIBS)
%C%_fuzz_scanner_LDADD = $(FUZZ_DRIVER) $(HTTP_LIBS)
%C%_fuzz_url_LDADD = $(FUZZ_DRIVER) $(HTTP_LIBS)

fuzz-targets-list:
	@echo $(fuzz_targets)
