# http: what client and server share; may include tls, net, core, base.
HTTP_LIBS = %D%/libhttp.la $(TLS_LIBS)
noinst_LTLIBRARIES += %D%/libhttp.la
FLOOR_LIBS += %D%/libhttp.la
%C%_libhttp_la_SOURCES = \
	%D%/authority.c \
	%D%/authority.h \
	%D%/body_out.c \
	%D%/chars.c \
	%D%/chars.h \
	%D%/chunk.c \
	%D%/chunk.h \
	%D%/coding.c \
	%D%/coding.h \
	%D%/gzip.c \
	%D%/headers.c \
	%D%/headers.h \
	%D%/http.c \
	%D%/idna.c \
	%D%/json.c \
	%D%/limits.c \
	%D%/limits.h \
	%D%/media.c \
	%D%/octets.c \
	%D%/octets.h \
	%D%/pairs.h \
	%D%/params.c \
	%D%/parser.c \
	%D%/parser.h \
	%D%/query.c \
	%D%/scan_field.c \
	%D%/scan_line.h \
	%D%/scan_start.c \
	%D%/scanner.c \
	%D%/scanner.h \
	%D%/second.c \
	%D%/second.h \
	%D%/url.c \
	%D%/writer.c \
	%D%/writer.h
%C%_libhttp_la_CFLAGS = $(AM_CFLAGS) $(LLHTTP_CFLAGS) $(ZLIB_CFLAGS) $(JANSSON_CFLAGS) \
	$(LIBIDN2_CFLAGS)
%C%_libhttp_la_LIBADD = $(LLHTTP_LIBS) $(ZLIB_LIBS) $(JANSSON_LIBS) $(LIBIDN2_LIBS)
if PROA_LLHTTP_SRC
EXTRA_%C%_libhttp_la_DEPENDENCIES = llhttp/libllhttp.la
endif
