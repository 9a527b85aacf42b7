#pragma once
// ApiServer: listens, and serves every connection from one thread ("API I/O"). Knows nothing of
// routes: an HttpHandler answers.

#include "app/api/api_limits.h"
#include "app/api/http_exchange.h"
#include "engine/status.h"

#include <memory>
#include <string>

namespace app {

struct ApiAddress {
    std::string host = "127.0.0.1"; ///< an address or "localhost"
    std::uint16_t port = 8484;      ///< 0 = a free one

    /// "http://127.0.0.1:8484", IPv6 in brackets.
    std::string url() const;
};

/// Can only this computer reach it? False also for what is no address.
bool isLoopback(const std::string& host);

class ApiServer {
  public:
    /// `handler` outlives the server.
    ApiServer(HttpHandler& handler, const ApiLimits& limits);
    ~ApiServer(); ///< stop()
    ApiServer(const ApiServer&) = delete;
    ApiServer& operator=(const ApiServer&) = delete;

    /// Listens and starts the thread. The address that is listened on, its port resolved; or
    /// ApiCannotListen.
    engine::Result<ApiAddress> start(const ApiAddress& address);
    /// No new connections; running answers get `grace` to end, then their clients see a close.
    /// Joins the thread. Idempotent; not from the I/O thread.
    void stop(std::chrono::milliseconds grace = {});
    /// Connections that are open, for metrics and tests. Any thread.
    std::size_t connectionCount() const;

  private:
    struct Io;
    HttpHandler& m_handler;
    const ApiLimits m_limits;
    std::shared_ptr<Io> m_io;
};

} // namespace app
