# tests/http: link their floor's library and those below, no more; the linker checks the floors.
http_tests = \
	%D%/test_coding \
	%D%/test_headers \
	%D%/test_json \
	%D%/test_limits \
	%D%/test_media \
	%D%/test_params \
	%D%/test_parser \
	%D%/test_query \
	%D%/test_scanner \
	%D%/test_second \
	%D%/test_url \
	%D%/test_wire \
	%D%/test_writer
http_test_libs = $(TEST_LIBS) $(HTTP_LIBS) $(CHECK_LIBS)
http_test_flags = $(AM_CFLAGS) $(CHECK_CFLAGS)
check_PROGRAMS += $(http_tests)

%C%_test_coding_CFLAGS = $(http_test_flags) $(ZLIB_CFLAGS)
%C%_test_coding_LDADD = $(http_test_libs) $(ZLIB_LIBS)
%C%_test_headers_CFLAGS = $(http_test_flags)
%C%_test_headers_LDADD = $(http_test_libs)
%C%_test_json_CFLAGS = $(http_test_flags) $(JANSSON_CFLAGS)
%C%_test_json_LDADD = $(TRUN_LIBS) $(http_test_libs) $(JANSSON_LIBS)
%C%_test_limits_SOURCES = %D%/test_limits.c %D%/transcript.c %D%/transcript.h
%C%_test_limits_CFLAGS = $(http_test_flags)
%C%_test_limits_LDADD = $(http_test_libs)
%C%_test_media_CFLAGS = $(http_test_flags)
%C%_test_media_LDADD = $(http_test_libs)
%C%_test_params_CFLAGS = $(http_test_flags)
%C%_test_params_LDADD = $(http_test_libs)
%C%_test_parser_CFLAGS = $(http_test_flags)
%C%_test_parser_LDADD = $(http_test_libs)
%C%_test_query_CFLAGS = $(http_test_flags)
%C%_test_query_LDADD = $(http_test_libs)
%C%_test_scanner_CFLAGS = $(http_test_flags)
%C%_test_scanner_LDADD = $(http_test_libs)
%C%_test_second_CFLAGS = $(http_test_flags) $(LLHTTP_CFLAGS)
%C%_test_second_LDADD = $(http_test_libs) $(LLHTTP_LIBS)
%C%_test_url_CFLAGS = $(http_test_flags)
%C%_test_url_LDADD = $(http_test_libs)
%C%_test_wire_SOURCES = %D%/test_wire.c %D%/transcript.c %D%/transcript.h \
	%D%/wire.c %D%/wire.h
%C%_test_wire_CFLAGS = $(http_test_flags)
%C%_test_wire_LDADD = $(http_test_libs)
%C%_test_writer_CFLAGS = $(http_test_flags)
%C%_test_writer_LDADD = $(http_test_libs)

EXTRA_DIST += \
	%D%/wire/field.case \
	%D%/wire/framing.case \
	%D%/wire/llhttp.case \
	%D%/wire/probe.case \
	%D%/wire/request.case \
	%D%/wire/response.case
