# tests/bench: programs go to EXTRA_PROGRAMS and BENCH_PROGRAMS; `make bench` builds and runs them.
