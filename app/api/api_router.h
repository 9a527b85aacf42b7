#pragma once
// ApiRouter: the routes, and who may use them. Denies by default: every route, known or not, is
// behind the same three questions (Host, Origin, key), asked before a byte of the body is read.

#include "app/api/api_backend.h"
#include "app/api/api_keys.h"
#include "app/api/api_limits.h"
#include "app/api/completion_request.h"
#include "app/api/http_exchange.h"

#include <functional>
#include <span>
#include <string>
#include <vector>

namespace app {

/// What the person allows. Names and origins in lower case.
struct ApiAccess {
    std::vector<std::string> hosts;   ///< further names of this computer, besides its addresses
    std::vector<std::string> origins; ///< web pages that may ask: "https://example.org"
};

/// One answered request, for the log.
struct ApiLogEntry {
    std::int64_t time_ms = 0; ///< since 1970
    std::string client;
    std::string method;
    std::string path;
    int status = 0;
    std::int64_t duration_ms = 0;
    std::uint64_t promptTokens = 0;
    std::uint64_t generatedTokens = 0;
    bool fromCache = false;
};

class ApiRouter final : public HttpHandler, public std::enable_shared_from_this<ApiRouter> {
  public:
    using Log = std::function<void(const ApiLogEntry&)>;

    struct Route {
        std::string_view method;
        std::string_view path;
        bool needsKey; ///< when there is any key
    };
    static std::span<const Route> routes();

    /// All of them outlive the router and what it gave to the backend's pool (which keeps the
    /// router alive, so make it shared). `log` is called on the I/O thread.
    ApiRouter(ApiBackend& backend, ApiKeys& keys, ApiAccess access, const ApiLimits& limits,
              Log log);

    std::optional<HttpResponse> refuse(const HttpHead& head,
                                       const std::string& localAddress) override;
    void handle(HttpRequest request, std::shared_ptr<HttpExchange> exchange) override;
    std::vector<HttpHeader> commonHeaders(const HttpHead& head) override;

  private:
    using Exchange = std::shared_ptr<HttpExchange>;

    std::optional<ApiError> refusal(const HttpHead& head, const std::string& localAddress) const;
    std::optional<ApiError> refuseHost(const HttpHead& head, const std::string& localAddress) const;
    std::optional<ApiError> refuseOrigin(const HttpHead& head) const;
    std::optional<ApiError> refuseKey(const HttpHead& head) const;
    bool isPreflight(const HttpHead& head) const;
    std::string clientOf(const HttpHead& head) const;
    void answerCompletion(CompletionKind kind, HttpRequest request, const Exchange& exchange);
    void answerModels(const HttpHead& head, const Exchange& exchange);
    void answerHealth(const HttpHead& head, const Exchange& exchange);
    void answerMetrics(const HttpHead& head, const Exchange& exchange);
    void answerPreflight(const Exchange& exchange);
    void answer(const HttpHead& head, const Exchange& exchange, HttpResponse response);
    void write(ApiLogEntry entry) const;

    ApiBackend& m_backend;
    ApiKeys& m_keys;
    const ApiAccess m_access;
    const ApiLimits& m_limits;
    const Log m_log;
};

} // namespace app
