# base: what needs neither loop nor sockets; includes base alone.
BASE_LIBS = %D%/libbase.la
noinst_LTLIBRARIES += %D%/libbase.la
FLOOR_LIBS += %D%/libbase.la
%C%_libbase_la_SOURCES = \
	%D%/arena.c %D%/arena.h \
	%D%/ascii.h \
	%D%/buf.c \
	%D%/check.c %D%/check.h \
	%D%/clock.c %D%/clock.h \
	%D%/date.c %D%/date.h \
	%D%/encode.c %D%/encode.h \
	%D%/err.c \
	%D%/fail.c %D%/fail.h \
	%D%/heap.c %D%/heap.h \
	%D%/list.h \
	%D%/log.c %D%/log.h \
	%D%/map.c %D%/map.h \
	%D%/mem.c %D%/mem.h \
	%D%/opts.c %D%/opts.h \
	%D%/siphash.c %D%/siphash.h \
	%D%/str.c \
	%D%/test_mem.c %D%/test_mem.h \
	%D%/utf8.c %D%/utf8.h \
	%D%/version.c
