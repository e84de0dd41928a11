# tests/bench: what things cost. `make bench` builds and runs all of it and leaves bench-*.json in the build folder.
BENCH += %D%/bench_core %D%/floor %D%/plain %D%/client_proa
EXTRA_PROGRAMS += %D%/bench_core %D%/floor %D%/plain %D%/client_proa %D%/client_curl

%C%_bench_core_SOURCES = %D%/bench.h %D%/bench_core.c %D%/bench_waits.c
%C%_bench_core_LDADD = $(APP_LIBS)

%C%_floor_SOURCES = %D%/floor.c
%C%_floor_CFLAGS = $(PROA_CFLAGS) -O2

%C%_plain_SOURCES = %D%/plain.c
%C%_plain_CPPFLAGS = $(APP_CPPFLAGS)
%C%_plain_LDADD = $(APP_LIBS)

%C%_client_proa_SOURCES = %D%/client_proa.c
%C%_client_proa_CPPFLAGS = $(APP_CPPFLAGS)
%C%_client_proa_LDADD = $(APP_LIBS)

%C%_client_curl_SOURCES = %D%/client_curl.c
%C%_client_curl_LDADD = -lcurl

EXTRA_DIST += %D%/asyncio_core.py %D%/core.go %D%/http.py

bench: $(BENCH)
	-$(MAKE) $(AM_MAKEFLAGS) %D%/client_curl
	{ %D%/bench_core; %D%/bench_core 1000000 sleeping_task; } | tee bench-core.json
	python3 $(srcdir)/%D%/asyncio_core.py bench-core.json | tee bench-asyncio.json
	@if GO111MODULE=off GOCACHE=$$PWD/bench-go.cache go build -o bench-go $(srcdir)/%D%/core.go; then \
	    { ./bench-go bench-core.json; ./bench-go sleep 1000000; } | tee bench-go.json; \
	else \
	    echo "there is no Go here (golang-go): its lines are left out"; \
	fi
	python3 $(srcdir)/%D%/http.py . --json bench-http.json

.PHONY: bench
