# The public headers, each under its floor (tools/check-layers reads it here); sorted, one a line.
headers_base = \
	%D%/proa/buf.h \
	%D%/proa/defs.h \
	%D%/proa/err.h \
	%D%/proa/log.h \
	%D%/proa/mem.h \
	%D%/proa/str.h \
	%D%/proa/test_mem.h \
	%D%/proa/time.h \
	%D%/proa/version.h
headers_core = \
	%D%/proa/barrier.h \
	%D%/proa/broadcast.h \
	%D%/proa/call.h \
	%D%/proa/capacity.h \
	%D%/proa/channel.h \
	%D%/proa/condition.h \
	%D%/proa/context.h \
	%D%/proa/counters.h \
	%D%/proa/debug.h \
	%D%/proa/fault.h \
	%D%/proa/fd.h \
	%D%/proa/future.h \
	%D%/proa/gather.h \
	%D%/proa/group.h \
	%D%/proa/hooks.h \
	%D%/proa/inspect.h \
	%D%/proa/limiter.h \
	%D%/proa/loop.h \
	%D%/proa/once.h \
	%D%/proa/queue.h \
	%D%/proa/remote.h \
	%D%/proa/run.h \
	%D%/proa/runner.h \
	%D%/proa/rwlock.h \
	%D%/proa/scope.h \
	%D%/proa/select.h \
	%D%/proa/service.h \
	%D%/proa/signal.h \
	%D%/proa/sync.h \
	%D%/proa/task.h \
	%D%/proa/test.h \
	%D%/proa/thread.h \
	%D%/proa/thread_pool.h \
	%D%/proa/wait.h \
	%D%/proa/wait_group.h \
	%D%/proa/wait_queue.h \
	%D%/proa/watch.h
headers_net = \
	%D%/proa/addr.h \
	%D%/proa/datagram.h \
	%D%/proa/fd_io.h \
	%D%/proa/file.h \
	%D%/proa/listener.h \
	%D%/proa/pair.h \
	%D%/proa/process.h \
	%D%/proa/resolve.h \
	%D%/proa/stream.h \
	%D%/proa/stream_server.h \
	%D%/proa/tcp.h \
	%D%/proa/unix.h
headers_tls = \
	%D%/proa/tls.h
headers_http = \
	%D%/proa/headers.h \
	%D%/proa/http.h \
	%D%/proa/json.h \
	%D%/proa/params.h \
	%D%/proa/url.h
headers_client = \
	%D%/proa/connection.h \
	%D%/proa/session.h
headers_server = \
	%D%/proa/app.h \
	%D%/proa/request.h \
	%D%/proa/response.h \
	%D%/proa/server.h
headers_all = \
	%D%/proa/proa.h
proainclude_HEADERS += $(headers_base) $(headers_core) $(headers_net) $(headers_tls) \
	$(headers_http) $(headers_client) $(headers_server) $(headers_all)
