# tests/apps: the programs, run as a user runs them. cases.sh is what the scripts share.
dist_check_SCRIPTS += \
	%D%/test-clients \
	%D%/test-get \
	%D%/test-httpbin \
	%D%/test-peers
EXTRA_DIST += %D%/cases.sh %D%/clients.py %D%/odd_server.py %D%/static_server.js %D%/static_server.py
