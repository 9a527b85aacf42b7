#include "app/api/api_error.h"

#include <algorithm>
#include <charconv>
#include <nlohmann/json.hpp>

namespace app {

namespace {

constexpr int kEngineRetry_s = 5; // when nothing better is known

/// The argument retry_after_s of a Status that admission gave; 0 when there is none.
int retryAfter(const engine::Status& status) {
    for (const engine::StatusArgument& argument : status.arguments()) {
        if (argument.name != "retry_after_s")
            continue;
        double seconds = 0;
        const std::string& text = argument.value;
        std::from_chars(text.data(), text.data() + text.size(), seconds);
        return static_cast<int>(std::clamp(seconds + 0.999, 1.0, 3600.0));
    }
    return 0;
}

} // namespace

ApiError wrongField(std::string param, std::string message) {
    ApiError error;
    error.message = std::move(message);
    error.param = std::move(param);
    error.code = "invalid_value";
    return error;
}

ApiError unsupportedField(std::string param, std::string message) {
    ApiError error;
    error.message = std::move(message);
    error.param = std::move(param);
    error.code = "unsupported_parameter";
    return error;
}

ApiError apiErrorFrom(const engine::Status& status) {
    using engine::Code;
    ApiError error;
    error.message = status.sentence();
    error.code = engine::codeName(status.code());
    if (const int seconds = retryAfter(status); seconds > 0) {
        error.status = 429;
        error.type = "rate_limit_error";
        error.code = "rate_limit_exceeded";
        error.retryAfter_s = seconds;
        return error;
    }
    switch (status.code()) {
    case Code::OptionInvalid:
    case Code::PromptEmpty:
    case Code::TemplateRefused:
        error.code = "invalid_value";
        return error;
    case Code::ContextExceeded:
    case Code::PromptTooLong:
        error.code = "context_length_exceeded";
        error.param = "messages";
        return error;
    case Code::DeadlinePassed:
    case Code::NoModelLoaded:
    case Code::EngineStopped:
    case Code::DeviceLost:
    case Code::OutOfMemory:
        error.status = 503;
        error.type = "server_error";
        error.retryAfter_s = kEngineRetry_s;
        return error;
    default:
        error.status = 500;
        error.type = "server_error";
        return error;
    }
}

std::string toJson(const ApiError& error) {
    const auto orNull = [](const std::string& text) {
        return text.empty() ? nlohmann::ordered_json() : nlohmann::ordered_json(text);
    };
    const nlohmann::ordered_json body = {{"error",
                                          {{"message", error.message},
                                           {"type", error.type},
                                           {"param", orNull(error.param)},
                                           {"code", orNull(error.code)}}}};
    return body.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace);
}

HttpResponse toResponse(const ApiError& error) {
    HttpResponse response;
    response.status = error.status;
    response.body = toJson(error);
    if (error.retryAfter_s > 0)
        response.headers.push_back({"Retry-After", std::to_string(error.retryAfter_s)});
    if (error.status == 401)
        response.headers.push_back({"WWW-Authenticate", "Bearer"});
    return response;
}

} // namespace app
