#pragma once
// HttpExchange: one request that is being answered, as the routes see it; HttpHandler: what the
// connections ask. I/O thread only, but for HttpExchange::post.

#include "app/api/http_message.h"

#include <chrono>
#include <functional>
#include <memory>

namespace app {

class HttpExchange {
  public:
    virtual ~HttpExchange() = default;

    /// False once it is answered, or the client has gone: onGone will not come (again).
    virtual bool isOpen() const = 0;
    /// The whole answer. Either this, or startStream() ... endStream(); once.
    virtual void respond(HttpResponse response) = 0;
    virtual void startStream(HttpResponse head) = 0;
    virtual void send(std::string_view bytes) = 0;
    virtual void endStream() = 0;
    /// More than a little has been sent that the client has not taken: wait for onDrained.
    virtual bool congested() const = 0;

    /// Runs `call` on the I/O thread. Any thread; dropped once the server has stopped.
    virtual void post(std::function<void()> call) = 0;
    /// Runs `call` later, unless the exchange ends before. One at a time: replaces an earlier one.
    virtual void after(std::chrono::milliseconds delay, std::function<void()> call) = 0;

    std::function<void()> onDrained;
    /// The client has gone, or the server stops: nothing that is sent arrives any more.
    std::function<void()> onGone;
};

class HttpHandler {
  public:
    virtual ~HttpHandler() = default;
    /// A refusal that needs no body: host, origin, key, route. Nothing: go on. Called before the
    /// body is read, so that nobody without a key can make us read one.
    virtual std::optional<HttpResponse> refuse(const HttpHead& head,
                                               const std::string& localAddress) = 0;
    virtual void handle(HttpRequest request, std::shared_ptr<HttpExchange> exchange) = 0;
    /// What stands in every answer to this request (CORS, when its origin was named).
    virtual std::vector<HttpHeader> commonHeaders(const HttpHead& head) = 0;
};

} // namespace app
