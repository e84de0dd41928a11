# The public headers, each under its floor (tools/check-layers reads it here); sorted, one a line.
BASE_HEADERS = \
	%D%/proa/defs.h \
	%D%/proa/version.h
CORE_HEADERS =
NET_HEADERS =
TLS_HEADERS =
HTTP_HEADERS =
CLIENT_HEADERS =
SERVER_HEADERS =
ALL_HEADERS = \
	%D%/proa/proa.h
proainclude_HEADERS += $(BASE_HEADERS) $(CORE_HEADERS) $(NET_HEADERS) $(TLS_HEADERS) \
	$(HTTP_HEADERS) $(CLIENT_HEADERS) $(SERVER_HEADERS) $(ALL_HEADERS)
