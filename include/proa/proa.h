#ifndef PROA_PROA_H
#define PROA_PROA_H

/*
 * All of proa. A program that wants less includes the subject's own header.
 */

#include <proa/addr.h>
#include <proa/app.h>
#include <proa/barrier.h>
#include <proa/broadcast.h>
#include <proa/buf.h>
#include <proa/call.h>
#include <proa/channel.h>
#include <proa/condition.h>
#include <proa/connection.h>
#include <proa/context.h>
#include <proa/counters.h>
#include <proa/datagram.h>
#include <proa/debug.h>
#include <proa/defs.h>
#include <proa/err.h>
#include <proa/fault.h>
#include <proa/fd.h>
#include <proa/fd_io.h>
#include <proa/file.h>
#include <proa/future.h>
#include <proa/gather.h>
#include <proa/group.h>
#include <proa/headers.h>
#include <proa/hooks.h>
#include <proa/http.h>
#include <proa/inspect.h>
#include <proa/json.h>
#include <proa/limiter.h>
#include <proa/listener.h>
#include <proa/log.h>
#include <proa/loop.h>
#include <proa/mem.h>
#include <proa/once.h>
#include <proa/pair.h>
#include <proa/params.h>
#include <proa/process.h>
#include <proa/queue.h>
#include <proa/remote.h>
#include <proa/request.h>
#include <proa/resolve.h>
#include <proa/response.h>
#include <proa/run.h>
#include <proa/runner.h>
#include <proa/rwlock.h>
#include <proa/scope.h>
#include <proa/select.h>
#include <proa/server.h>
#include <proa/session.h>
#include <proa/signal.h>
#include <proa/str.h>
#include <proa/stream.h>
#include <proa/stream_server.h>
#include <proa/sync.h>
#include <proa/task.h>
#include <proa/tcp.h>
#include <proa/test.h>
#include <proa/test_mem.h>
#include <proa/thread.h>
#include <proa/thread_pool.h>
#include <proa/time.h>
#include <proa/tls.h>
#include <proa/unix.h>
#include <proa/url.h>
#include <proa/version.h>
#include <proa/wait.h>
#include <proa/wait_group.h>
#include <proa/wait_queue.h>
#include <proa/watch.h>

#endif
