#pragma once
// HTTP as values: what the connection read, what a route answers. No sockets here.

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace app {

struct HttpHeader {
    std::string name; ///< of a request: lower case
    std::string value;
};

/// Request line and headers, checked (http_head).
struct HttpHead {
    std::string method;
    std::string path; ///< percent-decoded, without the query: "/v1/models"
    int minorVersion = 1;
    std::vector<HttpHeader> headers;
    std::optional<std::uint64_t> contentLength;
    bool chunked = false;
    bool keepAlive = true;
    bool expectsContinue = false;

    /// nullptr when absent. `name` in lower case.
    const std::string* header(std::string_view name) const {
        for (const HttpHeader& each : headers)
            if (each.name == name)
                return &each.value;
        return nullptr;
    }
};

struct HttpRequest {
    HttpHead head;
    std::string body;
    std::string localAddress; ///< where the client reached us: "127.0.0.1"
};

struct HttpResponse {
    int status = 200;
    std::string contentType = "application/json";
    std::string body;
    std::vector<HttpHeader> headers; ///< further ones
};

} // namespace app
