// A client's bytes: the head as the server reads it, the body's framing, and the JSON of both
// completion routes. Whatever comes must be read or refused with a sentence.
#include "app/api/completion_request.h"
#include "app/api/http_head.h"

#include <boost/asio/buffer.hpp>
#include <boost/beast/http/parser.hpp>
#include <boost/beast/http/string_body.hpp>
#include <cstdlib>

namespace {

void check(bool holds) {
    if (!holds)
        std::abort(); // libFuzzer keeps the input
}

/// As HttpConnection does it: a strict head first, then the framing of the body.
void readRequest(std::string bytes) {
    const app::ApiLimits limits;
    const std::size_t end = app::findHeadEnd(bytes, 0);
    if (end == std::string::npos)
        return;
    check(end <= bytes.size());
    const auto head = app::readHead(std::string_view(bytes).substr(0, end), limits);
    if (const auto* fault = std::get_if<app::HttpFault>(&head)) {
        check(fault->status >= 400 && !fault->message.empty());
        return;
    }
    const auto& read = std::get<app::HttpHead>(head);
    check(!read.path.empty() && read.path.front() == '/');
    check(!(read.contentLength && read.chunked));
    if (const std::string* host = read.header("host"))
        (void)app::hostName(*host);

    namespace http = boost::beast::http;
    http::request_parser<http::string_body> parser;
    parser.eager(true);
    parser.body_limit(limits.body_bytes);
    boost::system::error_code error;
    while (!parser.is_done() && !bytes.empty()) {
        const std::size_t used = parser.put(boost::asio::buffer(bytes), error);
        check(used <= bytes.size());
        bytes.erase(0, used);
        if (error || used == 0)
            break;
    }
    // Two readers of one head: what ours takes for a body of that length, Beast does too.
    if (parser.is_done() && read.contentLength)
        check(parser.get().body().size() == *read.contentLength);
}

void readBody(app::CompletionKind kind, std::string_view body) {
    const auto result = app::readCompletion(kind, body, {});
    if (const auto* error = std::get_if<app::ApiError>(&result)) {
        check(error->status == 400 && !error->message.empty());
        check(!app::toJson(*error).empty());
        return;
    }
    const auto& request = std::get<app::CompletionRequest>(result);
    check(request.answerCount() >= 1 && request.answerCount() <= app::ApiLimits().choices);
    check(request.maxTokens >= 1);
    const engine::ModelInfo model;
    const engine::Request asked = app::engineRequest(request, model, request.answerCount() - 1, 1);
    check(engine::validate(asked.sampler).ok());
}

} // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    const std::string_view bytes(reinterpret_cast<const char*>(data), size);
    if (bytes.starts_with("{")) {
        readBody(app::CompletionKind::Chat, bytes);
        readBody(app::CompletionKind::Text, bytes);
    } else {
        readRequest(std::string(bytes));
    }
    return 0;
}
