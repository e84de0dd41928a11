# libproa: all floors in one library; only what is marked PROA_API leaves it.
lib_LTLIBRARIES += %D%/libproa.la
%C%_libproa_la_SOURCES =
%C%_libproa_la_LIBADD  = $(FLOOR_LIBS)
%C%_libproa_la_LDFLAGS = $(AM_LDFLAGS) -version-info $(PROA_LT_VERSION) \
	-Wl,--version-script=$(srcdir)/%D%/proa.map
EXTRA_%C%_libproa_la_DEPENDENCIES = %D%/proa.map
EXTRA_DIST += %D%/proa.map

# llhttp, where the distribution has only its sources: compiled as they are, warnings off.
if PROA_LLHTTP_SRC
noinst_LTLIBRARIES += llhttp/libllhttp.la
nodist_llhttp_libllhttp_la_SOURCES = llhttp/api.c llhttp/http.c llhttp/llhttp.c
llhttp_libllhttp_la_CPPFLAGS = $(LLHTTP_CFLAGS)
llhttp_libllhttp_la_CFLAGS = $(PROA_CFLAGS) -w
DISTCHECK_LLHTTP = --with-llhttp-src='$(LLHTTP_SRC)'
CLEANFILES += $(nodist_llhttp_libllhttp_la_SOURCES)

$(nodist_llhttp_libllhttp_la_SOURCES): Makefile
	$(AM_V_at)$(MKDIR_P) llhttp
	$(AM_V_GEN)cp '$(LLHTTP_SRC)'/$(@F) $@ && chmod u+w $@ && touch $@
endif
