#pragma once
// ApiError: a refusal in OpenAI's shape, {"error": {message, type, param, code}}. The sentences are
// English: programs read them.

#include "app/api/http_message.h"
#include "engine/status.h"

#include <string>

namespace app {

struct ApiError {
    int status = 400;
    std::string message;
    std::string type = "invalid_request_error";
    std::string param;    ///< the field that is wrong; empty = null
    std::string code;     ///< empty = null
    int retryAfter_s = 0; ///< > 0: Retry-After
};

/// A field of the wrong type or out of range.
ApiError wrongField(std::string param, std::string message);
/// A field that means something here will not do: better said than ignored.
ApiError unsupportedField(std::string param, std::string message);
/// What the engine said, with the HTTP status that fits: 400 what the client can change, 429 what
/// admission refused, 503 what passes, 500 the rest.
ApiError apiErrorFrom(const engine::Status& status);

HttpResponse toResponse(const ApiError& error);
/// The object alone, as a stream carries it.
std::string toJson(const ApiError& error);

} // namespace app
