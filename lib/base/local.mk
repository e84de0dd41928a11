# base: what needs neither loop nor sockets; includes base alone.
BASE_LIBS = %D%/libbase.la
noinst_LTLIBRARIES += %D%/libbase.la
FLOOR_LIBS += %D%/libbase.la
%C%_libbase_la_SOURCES = %D%/version.c
