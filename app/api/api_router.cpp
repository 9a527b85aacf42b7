#include "app/api/api_router.h"

#include "app/api/completion_job.h"
#include "app/api/http_head.h"

#include <algorithm>
#include <array>
#include <nlohmann/json.hpp>

namespace app {

namespace {

using nlohmann::ordered_json;

constexpr const char* kPrometheusText = "text/plain; version=0.0.4; charset=utf-8";
constexpr std::array kRoutes = {
    ApiRouter::Route{"POST", "/v1/chat/completions", true},
    ApiRouter::Route{"POST", "/v1/completions", true},
    ApiRouter::Route{"GET", "/v1/models", true},
    ApiRouter::Route{"GET", "/metrics", true},
    ApiRouter::Route{"GET", "/health", false},
};
// OpenAI's that clients ask for and this server does not have yet.
constexpr std::array<std::string_view, 5> kKnownElsewhere = {
    "/v1/embeddings", "/v1/responses", "/v1/images/generations", "/v1/audio/transcriptions",
    "/v1/moderations"};

ApiError refuse(int status, std::string message, std::string code) {
    ApiError error;
    error.status = status;
    error.message = std::move(message);
    error.code = std::move(code);
    return error;
}

bool contains(const std::vector<std::string>& list, const std::string& text) {
    return std::find(list.begin(), list.end(), text) != list.end();
}

std::string dump(const ordered_json& json) {
    return json.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace);
}

std::int64_t now_ms() {
    return std::chrono::duration_cast<std::chrono::milliseconds>(
               std::chrono::system_clock::now().time_since_epoch())
        .count();
}

/// The words behind "Bearer ", or nothing.
std::optional<std::string_view> bearer(const HttpHead& head) {
    const std::string* header = head.header("authorization");
    constexpr std::string_view kScheme = "bearer ";
    if (header == nullptr || header->size() <= kScheme.size())
        return std::nullopt;
    for (std::size_t i = 0; i < kScheme.size(); ++i)
        if (std::tolower(static_cast<unsigned char>((*header)[i])) != kScheme[i])
            return std::nullopt;
    return std::string_view(*header).substr(kScheme.size());
}

bool isJson(const HttpHead& head) {
    const std::string* type = head.header("content-type");
    if (type == nullptr)
        return false;
    const std::string media = type->substr(0, type->find(';'));
    return media.substr(0, media.find_last_not_of(" \t") + 1) == "application/json";
}

} // namespace

std::span<const ApiRouter::Route> ApiRouter::routes() {
    return kRoutes;
}

ApiRouter::ApiRouter(ApiBackend& backend, ApiKeys& keys, ApiAccess access, const ApiLimits& limits,
                     Log log)
    : m_backend(backend),
      m_keys(keys),
      m_access(std::move(access)),
      m_limits(limits),
      m_log(std::move(log)) {}

/// A page that rebinds its name to 127.0.0.1 still says its own name here.
std::optional<ApiError> ApiRouter::refuseHost(const HttpHead& head,
                                              const std::string& localAddress) const {
    const std::string* header = head.header("host");
    const std::optional<std::string> name =
        header != nullptr ? hostName(*header) : std::optional<std::string>();
    const bool isLocal = localAddress == "127.0.0.1" || localAddress == "::1";
    const bool known = name && ((isLocal && *name == "localhost") || *name == localAddress ||
                                contains(m_access.hosts, *name));
    if (known)
        return std::nullopt;
    return app::refuse(403,
                       "This name of the server is not allowed: use its address, or allow "
                       "the name in its settings.",
                       "host_not_allowed");
}

std::optional<ApiError> ApiRouter::refuseOrigin(const HttpHead& head) const {
    const std::string* origin = head.header("origin");
    const std::string* site = head.header("sec-fetch-site");
    const bool named = origin != nullptr && contains(m_access.origins, *origin);
    const bool crossSite = site != nullptr && *site != "none" && *site != "same-origin";
    if (named || (origin == nullptr && !crossSite))
        return std::nullopt;
    return app::refuse(403, "Web pages may not use this server unless its settings name them.",
                       "origin_not_allowed");
}

std::optional<ApiError> ApiRouter::refuseKey(const HttpHead& head) const {
    if (!m_keys.any())
        return std::nullopt;
    const std::optional<std::string_view> key = bearer(head);
    // A missing key is looked up as well: both answers take as long.
    const bool known = m_keys.clientOf(key.value_or(std::string_view())).has_value();
    if (known && key)
        return std::nullopt;
    return app::refuse(401,
                       key ? "This API key is not valid."
                           : "An API key is needed: send it as "
                             "Authorization: Bearer KEY.",
                       "invalid_api_key");
}

bool ApiRouter::isPreflight(const HttpHead& head) const {
    return head.method == "OPTIONS" && head.header("origin") != nullptr &&
           head.header("access-control-request-method") != nullptr;
}

std::optional<ApiError> ApiRouter::refusal(const HttpHead& head,
                                           const std::string& localAddress) const {
    if (std::optional<ApiError> error = refuseHost(head, localAddress))
        return error;
    if (std::optional<ApiError> error = refuseOrigin(head))
        return error;
    if (isPreflight(head)) // a browser sends no key with it
        return std::nullopt;
    const auto samePath = [&](const Route& route) { return route.path == head.path; };
    const auto route = std::find_if(kRoutes.begin(), kRoutes.end(), samePath);
    const bool isOpen = route != kRoutes.end() && !route->needsKey && route->method == head.method;
    if (!isOpen)
        if (std::optional<ApiError> error = refuseKey(head))
            return error;
    if (route == kRoutes.end()) {
        const bool elsewhere = std::find(kKnownElsewhere.begin(), kKnownElsewhere.end(),
                                         head.path) != kKnownElsewhere.end();
        return app::refuse(404,
                           elsewhere ? head.path + " is not supported by this server yet."
                                     : "There is no such route here.",
                           elsewhere ? "unsupported_route" : "unknown_route");
    }
    if (route->method != head.method)
        return app::refuse(405, "This route takes " + std::string(route->method) + " only.",
                           "method_not_allowed");
    if (route->method == "POST" && !isJson(head))
        return app::refuse(415, "The body must be sent as Content-Type: application/json.",
                           "unsupported_media_type");
    return std::nullopt;
}

std::optional<HttpResponse> ApiRouter::refuse(const HttpHead& head,
                                              const std::string& localAddress) {
    const std::optional<ApiError> error = refusal(head, localAddress);
    if (!error)
        return std::nullopt;
    HttpResponse response = toResponse(*error);
    if (error->status == 405)
        for (const Route& route : kRoutes)
            if (route.path == head.path)
                response.headers.push_back({"Allow", std::string(route.method)});
    ApiLogEntry entry;
    entry.time_ms = now_ms();
    entry.method = head.method;
    entry.path = head.path;
    entry.status = error->status;
    write(std::move(entry));
    return response;
}

std::vector<HttpHeader> ApiRouter::commonHeaders(const HttpHead& head) {
    const std::string* origin = head.header("origin");
    if (origin == nullptr || !contains(m_access.origins, *origin))
        return {};
    return {{"Access-Control-Allow-Origin", *origin}, {"Vary", "Origin"}};
}

std::string ApiRouter::clientOf(const HttpHead& head) const {
    if (!m_keys.any())
        return "api";
    return m_keys.clientOf(bearer(head).value_or(std::string_view())).value_or("api");
}

void ApiRouter::handle(HttpRequest request, std::shared_ptr<HttpExchange> exchange) {
    const std::string& path = request.head.path;
    if (isPreflight(request.head))
        answerPreflight(exchange);
    else if (path == "/v1/chat/completions")
        answerCompletion(CompletionKind::Chat, std::move(request), exchange);
    else if (path == "/v1/completions")
        answerCompletion(CompletionKind::Text, std::move(request), exchange);
    else if (path == "/v1/models")
        answerModels(request.head, exchange);
    else if (path == "/metrics")
        answerMetrics(request.head, exchange);
    else
        answerHealth(request.head, exchange);
}

void ApiRouter::answerCompletion(CompletionKind kind, HttpRequest request,
                                 const Exchange& exchange) {
    // A large body takes a while to parse: not on the thread that serves everyone.
    m_backend.runInPool(
        [this, self = shared_from_this(), kind, request = std::move(request), exchange] {
            // While its body came the key may have been revoked.
            const std::optional<ApiError> strange = refuseKey(request.head);
            auto read = strange ? std::variant<CompletionRequest, ApiError>(*strange)
                                : readCompletion(kind, request.body, m_limits);
            const auto begun = std::chrono::steady_clock::now();
            ApiLogEntry entry;
            entry.time_ms = now_ms();
            entry.client = strange ? std::string() : clientOf(request.head);
            entry.method = request.head.method;
            entry.path = request.head.path;
            exchange->post([this, self, read = std::move(read), entry, begun, exchange]() mutable {
                if (const auto* error = std::get_if<ApiError>(&read)) {
                    exchange->respond(toResponse(*error));
                    entry.status = error->status;
                    return write(entry);
                }
                const auto ended = [this, self, entry,
                                    begun](const CompletionOutcome& outcome) mutable {
                    entry.status = outcome.status;
                    entry.duration_ms = std::chrono::duration_cast<std::chrono::milliseconds>(
                                            std::chrono::steady_clock::now() - begun)
                                            .count();
                    entry.promptTokens = outcome.promptTokens;
                    entry.generatedTokens = outcome.generatedTokens;
                    entry.fromCache = outcome.fromCache;
                    m_keys.count(entry.client, outcome.promptTokens, outcome.generatedTokens);
                    write(entry);
                };
                std::make_shared<CompletionJob>(std::move(std::get<CompletionRequest>(read)),
                                                entry.client, m_backend, m_limits, exchange, ended)
                    ->start();
            });
        });
}

void ApiRouter::answerModels(const HttpHead& head, const Exchange& exchange) {
    m_backend.runInPool([this, self = shared_from_this(), head, exchange] {
        ordered_json list = ordered_json::array();
        for (const ApiModel& model : m_backend.models()) {
            ordered_json entry = {{"id", model.id},
                                  {"object", "model"},
                                  {"created", model.created_s},
                                  {"owned_by", "inglenook"},
                                  {"loaded", model.isLoaded}};
            if (model.context > 0)
                entry["context_length"] = model.context;
            list.push_back(std::move(entry));
        }
        HttpResponse response;
        response.body = dump({{"object", "list"}, {"data", std::move(list)}});
        exchange->post([this, self, head, exchange, response = std::move(response)] {
            answer(head, exchange, response);
        });
    });
}

void ApiRouter::answerHealth(const HttpHead& head, const Exchange& exchange) {
    HttpResponse response;
    switch (m_backend.health()) {
    case ApiHealth::Ready:
        response.body = R"({"status":"ok"})";
        break;
    case ApiHealth::Loading:
        response.status = 503;
        response.body = R"({"status":"loading model"})";
        response.headers.push_back({"Retry-After", "1"});
        break;
    case ApiHealth::NoModel:
        response.body = R"({"status":"no model"})";
        break;
    }
    answer(head, exchange, std::move(response));
}

void ApiRouter::answerMetrics(const HttpHead& head, const Exchange& exchange) {
    m_backend.runInPool([this, self = shared_from_this(), head, exchange] {
        HttpResponse response;
        response.contentType = kPrometheusText;
        response.body = m_backend.metrics();
        exchange->post([this, self, head, exchange, response = std::move(response)] {
            answer(head, exchange, response);
        });
    });
}

void ApiRouter::answerPreflight(const Exchange& exchange) {
    HttpResponse response;
    response.status = 204;
    response.headers = {{"Access-Control-Allow-Methods", "GET, POST"},
                        {"Access-Control-Allow-Headers", "authorization, content-type"},
                        {"Access-Control-Max-Age", "600"}};
    exchange->respond(std::move(response));
}

void ApiRouter::answer(const HttpHead& head, const Exchange& exchange, HttpResponse response) {
    ApiLogEntry entry;
    entry.time_ms = now_ms();
    entry.client = clientOf(head);
    entry.method = head.method;
    entry.path = head.path;
    entry.status = response.status;
    exchange->respond(std::move(response));
    write(std::move(entry));
}

void ApiRouter::write(ApiLogEntry entry) const {
    if (m_log)
        m_log(entry);
}

} // namespace app
