# Examples: compiled and run by the tests, not installed.
noinst_PROGRAMS += %D%/hello
%C%_hello_SOURCES = %D%/hello.c
%C%_hello_CPPFLAGS = $(APP_CPPFLAGS)
%C%_hello_LDADD = $(APP_LIBS)
