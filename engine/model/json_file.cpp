#include "engine/model/json_file.h"

#include "engine/model/file_reader.h"

#include <limits>
#include <set>
#include <vector>

namespace engine {

namespace {

constexpr std::size_t kDeepest = 64;

Status invalidJson(const std::string& file, std::string problem) {
    return Status(Code::JsonInvalid, {{"file", file}, {"problem", std::move(problem)}});
}

/// Looks at a text without building anything: syntax, depth, count, duplicate keys.
class Guard : public nlohmann::json_sax<nlohmann::json> {
  public:
    explicit Guard(std::size_t mostValues) : m_mostValues(mostValues) {}

    std::string problem;

    bool null() override { return count(); }
    bool boolean(bool) override { return count(); }
    bool number_integer(std::int64_t) override { return count(); }
    bool number_unsigned(std::uint64_t) override { return count(); }
    bool number_float(double, const std::string&) override { return count(); }
    bool string(std::string&) override { return count(); }
    bool binary(nlohmann::json::binary_t&) override { return count(); }
    bool start_object(std::size_t) override { return enter(); }
    bool start_array(std::size_t) override { return enter(); }
    bool end_object() override { return leave(); }
    bool end_array() override { return leave(); }
    bool key(std::string& name) override {
        if (m_keys.back().insert(name).second)
            return true;
        problem = "the key " + name.substr(0, 64) + " is given twice";
        return false;
    }
    bool parse_error(std::size_t position, const std::string&,
                     const nlohmann::detail::exception&) override {
        problem = "a syntax error at byte " + std::to_string(position);
        return false;
    }

  private:
    bool count() {
        if (++m_values <= m_mostValues)
            return true;
        problem = "it holds more than " + std::to_string(m_mostValues) + " values";
        return false;
    }
    bool enter() {
        m_keys.emplace_back();
        if (m_keys.size() <= kDeepest)
            return count();
        problem = "it is nested more than " + std::to_string(kDeepest) + " levels deep";
        return false;
    }
    bool leave() {
        m_keys.pop_back();
        return true;
    }

    std::vector<std::set<std::string>> m_keys; // of the open objects; arrays stay empty
    std::size_t m_values = 0;
    const std::size_t m_mostValues;
};

} // namespace

Result<nlohmann::json> parseJson(std::string_view text, const std::string& file,
                                 std::size_t mostValues) {
    Guard guard(mostValues);
    if (!nlohmann::json::sax_parse(text.begin(), text.end(), &guard))
        return invalidJson(file, guard.problem);
    nlohmann::json document = nlohmann::json::parse(text.begin(), text.end(), nullptr, false);
    if (document.is_discarded())
        return invalidJson(file, "it cannot be parsed");
    return document;
}

Result<nlohmann::json> parseJsonFile(const std::filesystem::path& path, std::uint64_t maxBytes) {
    auto text = readTextFile(path, maxBytes);
    if (!text)
        return text.status();
    auto document = parseJson(*text, path.string());
    if (document && !document->is_object())
        return invalidJson(path.string(), "it is no object");
    return document;
}

JsonReader::JsonReader(const nlohmann::json& object, std::string file)
    : m_object(object), m_file(std::move(file)) {}

const nlohmann::json* JsonReader::member(std::string_view key) const {
    if (!m_object.is_object())
        return nullptr;
    const auto found = m_object.find(std::string(key));
    return found == m_object.end() || found->is_null() ? nullptr : &*found;
}

void JsonReader::fail(Status status) {
    if (m_status.ok())
        m_status = std::move(status);
}

void JsonReader::unsupported(std::string_view field, std::string value, std::string supported) {
    fail(Status(Code::ModelUnsupported, {{"file", m_file},
                                         {"field", std::string(field)},
                                         {"value", std::move(value)},
                                         {"supported", std::move(supported)}}));
}

void JsonReader::wrongType(std::string_view key, const nlohmann::json& value,
                           std::string_view expected) {
    std::string shown = value.is_structured()
                            ? std::string(value.type_name())
                            : value.dump(-1, ' ', true, nlohmann::json::error_handler_t::replace);
    fail(Status(Code::ModelFieldInvalid, {{"file", m_file},
                                          {"field", std::string(key)},
                                          {"value", shown.substr(0, 64)},
                                          {"expected", "it is " + std::string(expected)}}));
}

std::optional<std::uint32_t> JsonReader::number(std::string_view key) {
    const nlohmann::json* value = member(key);
    if (value == nullptr)
        return std::nullopt;
    constexpr auto kLargest = std::uint64_t{std::numeric_limits<std::int32_t>::max()};
    if (!value->is_number_unsigned() || value->get<std::uint64_t>() > kLargest) {
        wrongType(key, *value, "a whole number that is not negative");
        return std::nullopt;
    }
    return static_cast<std::uint32_t>(value->get<std::uint64_t>());
}

std::uint32_t JsonReader::neededNumber(std::string_view key) {
    if (!has(key))
        fail(Status(Code::ModelFieldMissing, {{"file", m_file}, {"field", std::string(key)}}));
    return number(key).value_or(0);
}

std::optional<double> JsonReader::real(std::string_view key) {
    const nlohmann::json* value = member(key);
    if (value == nullptr)
        return std::nullopt;
    if (!value->is_number()) {
        wrongType(key, *value, "a number");
        return std::nullopt;
    }
    return value->get<double>();
}

std::optional<bool> JsonReader::truth(std::string_view key) {
    const nlohmann::json* value = member(key);
    if (value == nullptr)
        return std::nullopt;
    if (!value->is_boolean()) {
        wrongType(key, *value, "true or false");
        return std::nullopt;
    }
    return value->get<bool>();
}

std::optional<std::string> JsonReader::text(std::string_view key) {
    const nlohmann::json* value = member(key);
    if (value == nullptr)
        return std::nullopt;
    if (!value->is_string()) {
        wrongType(key, *value, "text");
        return std::nullopt;
    }
    return value->get<std::string>();
}

} // namespace engine
