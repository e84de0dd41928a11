# tests/apps: the programs, run as a user runs them; scripts go to dist_check_SCRIPTS.
