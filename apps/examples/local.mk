# Examples: compiled and run by the tests, not installed.
noinst_PROGRAMS += %D%/crawl %D%/hello %D%/line_server %D%/pipeline %D%/say
%C%_crawl_SOURCES = %D%/crawl.c
%C%_crawl_CPPFLAGS = $(APP_CPPFLAGS)
%C%_crawl_LDADD = $(APP_LIBS)
%C%_hello_SOURCES = %D%/hello.c
%C%_hello_CPPFLAGS = $(APP_CPPFLAGS)
%C%_hello_LDADD = $(APP_LIBS)
%C%_line_server_SOURCES = %D%/line_server.c
%C%_line_server_CPPFLAGS = $(APP_CPPFLAGS)
%C%_line_server_LDADD = $(APP_LIBS)
%C%_pipeline_SOURCES = %D%/pipeline.c
%C%_pipeline_CPPFLAGS = $(APP_CPPFLAGS)
%C%_pipeline_LDADD = $(APP_LIBS)
%C%_say_SOURCES = %D%/say.c
%C%_say_CPPFLAGS = $(APP_CPPFLAGS)
%C%_say_LDADD = $(APP_LIBS)
