#include "engine/runtime/golden_file.h"

#include <cstring>
#include <fstream>
#include <nlohmann/json.hpp>
#include <string>

namespace engine {

namespace {

constexpr std::uint64_t kMostHeaderBytes = 1'000'000;
constexpr std::uint64_t kMostFileBytes = 4'000'000'000;

class Reader {
  public:
    explicit Reader(const std::filesystem::path& path) : m_path(path) {}

    Status open() {
        std::error_code error;
        m_fileBytes = std::filesystem::file_size(m_path, error);
        m_stream.open(m_path, std::ios::binary);
        if (error || !m_stream)
            return Status(Code::FileCannotOpen,
                          {{"file", m_path.string()},
                           {"reason", error ? error.message() : "it cannot be read"}});
        std::uint64_t length = 0;
        if (!read(0, &length, sizeof length) || length > kMostHeaderBytes ||
            m_fileBytes > kMostFileBytes)
            return invalid("header", std::to_string(length) + " bytes long");
        std::string text(length, '\0');
        if (!read(sizeof length, text.data(), length))
            return invalid("header", "cut short");
        m_header = nlohmann::json::parse(text, nullptr, false);
        if (!m_header.is_object())
            return invalid("header", "not JSON");
        m_dataBegin = sizeof length + length;
        return {};
    }

    /// One tensor of 4-byte elements.
    template<typename T>
    Status tensor(const char* name, const char* type, std::vector<T>& out) {
        static_assert(sizeof(T) == 4);
        const auto entry = m_header.find(name);
        if (entry == m_header.end() || !entry->is_object())
            return invalid(name, "missing");
        const auto dtype = entry->find("dtype");
        const auto offsets = entry->find("data_offsets");
        if (dtype == entry->end() || *dtype != type)
            return invalid(name, "of another type than " + std::string(type));
        if (offsets == entry->end() || !offsets->is_array() || offsets->size() != 2 ||
            !(*offsets)[0].is_number_unsigned() || !(*offsets)[1].is_number_unsigned())
            return invalid(name, "without its place in the file");
        const auto begin = (*offsets)[0].get<std::uint64_t>();
        const auto end = (*offsets)[1].get<std::uint64_t>();
        if (begin > end || end > m_fileBytes - m_dataBegin || (end - begin) % 4 != 0)
            return invalid(name, "outside of the file");
        out.resize((end - begin) / 4);
        if (!read(m_dataBegin + begin, out.data(), end - begin))
            return Status(Code::FileCannotRead, {{"file", m_path.string()},
                                                 {"offset", std::to_string(begin)},
                                                 {"reason", "it is cut short"}});
        return {};
    }

    Status invalid(const char* field, const std::string& value) const {
        return Status(Code::GoldenInvalid,
                      {{"file", m_path.string()}, {"field", field}, {"value", value}});
    }

  private:
    bool read(std::uint64_t offset, void* out, std::uint64_t bytes) {
        if (offset > m_fileBytes || bytes > m_fileBytes - offset)
            return false;
        m_stream.seekg(static_cast<std::streamoff>(offset));
        m_stream.read(static_cast<char*>(out), static_cast<std::streamsize>(bytes));
        return static_cast<bool>(m_stream);
    }

    std::filesystem::path m_path;
    std::ifstream m_stream;
    std::uint64_t m_fileBytes = 0;
    std::uint64_t m_dataBegin = 0;
    nlohmann::json m_header;
};

} // namespace

Result<Golden> readGolden(const std::filesystem::path& path, std::uint32_t vocabularySize) {
    Reader reader(path);
    Golden golden;
    INGLENOOK_TRY(reader.open());
    INGLENOOK_TRY(reader.tensor("input_ids", "I32", golden.inputIds));
    INGLENOOK_TRY(reader.tensor("positions", "I32", golden.positions));
    INGLENOOK_TRY(reader.tensor("logits", "F32", golden.logits));
    INGLENOOK_TRY(reader.tensor("greedy", "I32", golden.greedy));
    INGLENOOK_TRY(reader.tensor("margins", "F32", golden.margins));
    for (const std::vector<TokenId>* ids : {&golden.inputIds, &golden.greedy})
        for (const TokenId id : *ids)
            if (id < 0 || static_cast<std::uint32_t>(id) >= vocabularySize)
                return reader.invalid("a token id", std::to_string(id));
    for (std::size_t i = 0; i < golden.positions.size(); ++i)
        if (golden.positions[i] >= golden.inputIds.size() ||
            (i > 0 && golden.positions[i] <= golden.positions[i - 1]))
            return reader.invalid("positions", std::to_string(golden.positions[i]));
    if (golden.positions.empty())
        return reader.invalid("positions", "empty");
    if (golden.logits.size() != golden.positions.size() * vocabularySize)
        return reader.invalid(
            "logits", "of " + std::to_string(golden.logits.size() / golden.positions.size()) +
                          " tokens a position");
    if (golden.greedy.size() != golden.margins.size())
        return reader.invalid("margins", "of another length than greedy");
    return golden;
}

} // namespace engine
