#include "app/api/json_fields.h"

namespace app {

namespace {

/// 0.01, 2, -100: without the zeros that std::to_string would add.
std::string shown(double value) {
    return nlohmann::json(value).dump();
}

} // namespace

const nlohmann::json* JsonFields::member(std::string_view name) const {
    if (!m_object.is_object())
        return nullptr;
    const auto found = m_object.find(std::string(name));
    return found == m_object.end() || found->is_null() ? nullptr : &*found;
}

void JsonFields::wrong(std::string_view name, const std::string& expected) {
    const std::string full = nameOf(name);
    fail(wrongField(full, "'" + full + "' must be " + expected + "."));
}

std::optional<bool> JsonFields::truth(std::string_view name) {
    const nlohmann::json* value = member(name);
    if (value == nullptr)
        return std::nullopt;
    if (!value->is_boolean()) {
        wrong(name, "true or false");
        return std::nullopt;
    }
    return value->get<bool>();
}

std::optional<std::string> JsonFields::text(std::string_view name) {
    const nlohmann::json* value = member(name);
    if (value == nullptr)
        return std::nullopt;
    if (!value->is_string()) {
        wrong(name, "a string");
        return std::nullopt;
    }
    return value->get<std::string>();
}

std::optional<std::int64_t> JsonFields::integer(std::string_view name, std::int64_t least,
                                                std::int64_t most) {
    const nlohmann::json* value = member(name);
    if (value == nullptr)
        return std::nullopt;
    const bool fits = value->is_number_integer() &&
                      (!value->is_number_unsigned() ||
                       value->get<std::uint64_t>() <= static_cast<std::uint64_t>(INT64_MAX)) &&
                      value->get<std::int64_t>() >= least && value->get<std::int64_t>() <= most;
    if (!fits) {
        wrong(name, "a whole number from " + std::to_string(least) + " to " + std::to_string(most));
        return std::nullopt;
    }
    return value->get<std::int64_t>();
}

std::optional<double> JsonFields::number(std::string_view name, double least, double most) {
    const nlohmann::json* value = member(name);
    if (value == nullptr)
        return std::nullopt;
    const double given = value->is_number() ? value->get<double>() : 0;
    if (!value->is_number() || !(given >= least && given <= most)) {
        wrong(name, "a number from " + shown(least) + " to " + shown(most));
        return std::nullopt;
    }
    return given;
}

} // namespace app
