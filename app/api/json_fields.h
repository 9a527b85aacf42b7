#pragma once
// JsonFields: reads the members of a client's JSON object. The first one of a wrong type or out of
// range becomes error(), naming the field; null counts as absent, unknown members are nobody's
// business.

#include "app/api/api_error.h"

#include <cstdint>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <string_view>

namespace app {

class JsonFields {
  public:
    /// `prefix` stands before the names in errors: "stream_options.".
    explicit JsonFields(const nlohmann::json& object, std::string prefix = {})
        : m_object(object), m_prefix(std::move(prefix)) {}

    const std::optional<ApiError>& error() const { return m_error; }
    /// Keeps the first.
    void fail(ApiError error) {
        if (!m_error)
            m_error = std::move(error);
    }

    const nlohmann::json* member(std::string_view name) const; ///< nullptr: absent or null
    std::optional<bool> truth(std::string_view name);
    std::optional<std::string> text(std::string_view name);
    std::optional<std::int64_t> integer(std::string_view name, std::int64_t least,
                                        std::int64_t most);
    std::optional<double> number(std::string_view name, double least, double most);
    std::string nameOf(std::string_view name) const { return m_prefix + std::string(name); }

  private:
    void wrong(std::string_view name, const std::string& expected);

    const nlohmann::json& m_object;
    std::string m_prefix;
    std::optional<ApiError> m_error;
};

} // namespace app
