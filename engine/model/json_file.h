#pragma once
// JSON from model folders and API clients: parsed only when it is well-formed, at most 64 levels
// deep and without duplicate keys; read through accessors that never throw.

#include "engine/status.h"

#include <cstdint>
#include <filesystem>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <string_view>

namespace engine {

/// JsonInvalid names the file and what is wrong; so does a text of more than `mostValues` values,
/// which would take many times its own size.
Result<nlohmann::json> parseJson(std::string_view text, const std::string& file,
                                 std::size_t mostValues = SIZE_MAX);
/// Reads a file of at most maxBytes and parses it; the top level must be an object.
Result<nlohmann::json> parseJsonFile(const std::filesystem::path& path, std::uint64_t maxBytes);

/// Reads members of one JSON object. The first member of a wrong type becomes status(); null counts
/// as absent.
class JsonReader {
  public:
    JsonReader(const nlohmann::json& object, std::string file);

    const Status& status() const { return m_status; }
    bool has(std::string_view key) const { return member(key) != nullptr; }
    const nlohmann::json* member(std::string_view key) const; ///< nullptr: absent or null
    std::optional<std::uint32_t> number(std::string_view key);
    std::uint32_t neededNumber(std::string_view key);
    std::optional<double> real(std::string_view key);
    std::optional<bool> truth(std::string_view key);
    std::optional<std::string> text(std::string_view key);
    /// Keeps the first failure.
    void fail(Status status);
    void unsupported(std::string_view field, std::string value, std::string supported);

  private:
    void wrongType(std::string_view key, const nlohmann::json& value, std::string_view expected);

    const nlohmann::json& m_object;
    std::string m_file;
    Status m_status;
};

} // namespace engine
