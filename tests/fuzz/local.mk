# tests/fuzz: libFuzzer targets (EXTRA_PROGRAMS) and their corpus.
