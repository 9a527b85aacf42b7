#pragma once
// The head of a request, read strictly: whatever two HTTP readers could understand in two ways
// (promises of a proxy before us) is refused. No bare CR or LF, no folded lines, no white space
// around names, no second Host, Content-Length, Transfer-Encoding, Authorization or Origin, never a
// length and chunks together (RFC 9112, sections 2 to 6). Pure functions, any thread.

#include "app/api/api_limits.h"
#include "app/api/http_message.h"

#include <variant>

namespace app {

/// Why a request cannot be taken; the connection closes after it was said.
struct HttpFault {
    int status = 400;
    std::string message;
};

/// Where the head ends (behind the empty line), or npos: more is to come. Also behind an empty line
/// with bare LF, so that such a head is refused at once instead of waited for.
std::size_t findHeadEnd(std::string_view bytes, std::size_t from);

/// `bytes`: the whole head with its empty line.
std::variant<HttpHead, HttpFault> readHead(std::string_view bytes, const ApiLimits& limits);

/// "localhost:8484" -> "localhost", "[::1]:80" -> "::1"; nothing when it is no host.
std::optional<std::string> hostName(std::string_view hostHeader);

} // namespace app
