# Programs. Like any user's: public headers and libproa, nothing else. %D%/common: options that they share.
bin_PROGRAMS += apps/proa-get/proa-get apps/proa-httpbin/proa-httpbin apps/proa-load/proa-load \
	apps/proa-ps/proa-ps

apps_proa_get_proa_get_SOURCES = \
	%D%/common/args.c %D%/common/args.h \
	%D%/proa-get/get.h \
	%D%/proa-get/job.c \
	%D%/proa-get/main.c \
	%D%/proa-get/names.c \
	%D%/proa-get/options.c \
	%D%/proa-get/output.c \
	%D%/proa-get/progress.c \
	%D%/proa-get/urls.c
apps_proa_get_proa_get_CPPFLAGS = $(APP_CPPFLAGS)
apps_proa_get_proa_get_LDADD = $(APP_LIBS)

apps_proa_httpbin_proa_httpbin_SOURCES = \
	%D%/common/args.c %D%/common/args.h \
	%D%/common/listen.c %D%/common/listen.h \
	%D%/proa-httpbin/main.c \
	%D%/proa-httpbin/pages.c %D%/proa-httpbin/pages.h
apps_proa_httpbin_proa_httpbin_CPPFLAGS = $(APP_CPPFLAGS) $(JANSSON_CFLAGS)
apps_proa_httpbin_proa_httpbin_LDADD = $(APP_LIBS) $(JANSSON_LIBS)

apps_proa_load_proa_load_SOURCES = \
	%D%/common/args.c %D%/common/args.h \
	%D%/proa-load/histogram.c %D%/proa-load/histogram.h \
	%D%/proa-load/load.h \
	%D%/proa-load/main.c \
	%D%/proa-load/options.c \
	%D%/proa-load/report.c \
	%D%/proa-load/worker.c
apps_proa_load_proa_load_CPPFLAGS = $(APP_CPPFLAGS) $(JANSSON_CFLAGS)
apps_proa_load_proa_load_LDADD = $(APP_LIBS) $(JANSSON_LIBS)

apps_proa_ps_proa_ps_SOURCES = \
	%D%/common/args.c %D%/common/args.h \
	%D%/proa-ps/ask.c \
	%D%/proa-ps/find.c \
	%D%/proa-ps/main.c \
	%D%/proa-ps/ps.h \
	%D%/proa-ps/show.c
apps_proa_ps_proa_ps_CPPFLAGS = $(APP_CPPFLAGS) $(JANSSON_CFLAGS)
apps_proa_ps_proa_ps_LDADD = $(APP_LIBS) $(JANSSON_LIBS)
