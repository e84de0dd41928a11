# tests/bench: programs go to EXTRA_PROGRAMS and BENCH_PROGRAMS; `make bench` builds and runs them.

EXTRA_PROGRAMS += %D%/bench_core
BENCH += %D%/bench_core
%C%_bench_core_SOURCES = %D%/bench_core.c
%C%_bench_core_LDADD = $(CORE_LIBS)
