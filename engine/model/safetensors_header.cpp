#include "engine/model/safetensors_header.h"

#include "engine/checked.h"
#include "engine/phrase.h"

#include <algorithm>
#include <nlohmann/json.hpp>

namespace engine {

namespace {

constexpr std::uint64_t kLongestHeader = 100ULL << 20; // the format's own limit
constexpr std::uint64_t kMostTensors = 1ULL << 17;
constexpr std::size_t kLongestName = 256;
constexpr std::size_t kMostDimensions = 8;

std::optional<TensorType> typeOf(std::string_view dtype) {
    static constexpr std::pair<std::string_view, TensorType> kTypes[] = {
        {"F32", TensorType::F32}, {"F16", TensorType::F16}, {"BF16", TensorType::BF16},
        {"F64", TensorType::F64}, {"I64", TensorType::I64}, {"I32", TensorType::I32},
        {"I16", TensorType::I16}, {"I8", TensorType::I8}};
    for (const auto& [name, type] : kTypes)
        if (name == dtype)
            return type;
    return std::nullopt;
}

Status damaged(const FileReader& file, std::string field, std::string problem) {
    return Status(
        Code::ModelDamaged,
        {{"file", file.name()}, {"field", std::move(field)}, {"problem", std::move(problem)}});
}

/// Reads the header's JSON event by event: no document is built, so that a header costs little more
/// memory than its entries.
class HeaderSax : public nlohmann::json_sax<nlohmann::json> {
  public:
    HeaderSax(const FileReader& file, std::vector<SafetensorsTensor>& tensors)
        : m_file(file), m_tensors(tensors) {}

    Status status() const { return m_status; }

    bool null() override { return unexpected(); }
    bool boolean(bool) override { return unexpected(); }
    bool number_integer(std::int64_t) override { return unexpected(); } // negative
    bool number_float(double, const std::string&) override { return unexpected(); }
    bool binary(nlohmann::json::binary_t&) override { return unexpected(); }

    bool number_unsigned(std::uint64_t number) override {
        if (m_state == State::Shape && m_current.info.shape.size() < kMostDimensions) {
            m_current.info.shape.push_back(number);
            return true;
        }
        if (m_state == State::Offsets && m_offsets < 2) {
            (m_offsets++ == 0 ? m_current.offset : m_end) = number;
            return true;
        }
        return unexpected();
    }

    bool string(std::string& text) override {
        if (m_state == State::Metadata)
            return true;
        if (m_state != State::Tensor || m_field != Field::Type || m_hasType)
            return unexpected();
        const auto type = typeOf(text);
        if (!type)
            return stop(Status(Code::ModelUnsupported,
                               {{"file", m_file.name()},
                                {"field", "the type of tensor " + m_current.info.name},
                                {"value", text.substr(0, 16)},
                                {"supported", PHRASE("Status", "F32, F16 and BF16 work")}}));
        m_current.info.type = *type;
        m_hasType = true;
        return true;
    }

    bool start_object(std::size_t) override {
        if (m_state == State::Start) {
            m_state = State::Top;
            return true;
        }
        if (m_state != State::Top)
            return unexpected();
        m_state = m_current.info.name == "__metadata__" ? State::Metadata : State::Tensor;
        return true;
    }

    bool key(std::string& name) override {
        if (m_state == State::Top) {
            if (name.empty() || name.size() > kLongestName)
                return stop(damaged(m_file, PHRASE("Status", "a tensor's name"),
                                    PHRASE("Status", "is empty or too long")));
            m_current = {};
            m_current.info.name = name;
            m_offsets = 0;
            m_hasType = m_hasShape = false;
            return true;
        }
        if (m_state == State::Metadata)
            return true;
        m_field = name == "dtype"          ? Field::Type
                  : name == "shape"        ? Field::Shape
                  : name == "data_offsets" ? Field::Offsets
                                           : Field::None;
        return m_field != Field::None || unexpected();
    }

    bool start_array(std::size_t) override {
        if (m_state != State::Tensor)
            return unexpected();
        if (m_field == Field::Shape && !m_hasShape) {
            m_state = State::Shape;
            m_hasShape = true;
            return true;
        }
        if (m_field == Field::Offsets && m_offsets == 0) {
            m_state = State::Offsets;
            return true;
        }
        return unexpected();
    }

    bool end_array() override {
        m_state = State::Tensor;
        return true;
    }

    bool end_object() override {
        if (m_state == State::Top) {
            m_state = State::Done;
            return true;
        }
        if (m_state == State::Tensor && !finishTensor())
            return false;
        m_state = State::Top;
        return true;
    }

    bool parse_error(std::size_t position, const std::string&,
                     const nlohmann::detail::exception&) override {
        return stop(
            damaged(m_file, PHRASE("Status", "the header"),
                    "is no JSON (a syntax error at byte " + std::to_string(position) + ")"));
    }

  private:
    enum class State { Start, Top, Metadata, Tensor, Shape, Offsets, Done };
    enum class Field { None, Type, Shape, Offsets };

    bool stop(Status status) {
        m_status = std::move(status);
        return false;
    }
    bool unexpected() {
        return stop(damaged(m_file, "the header entry " + m_current.info.name.substr(0, 64),
                            PHRASE("Status", "is not {dtype, shape, data_offsets}")));
    }

    bool finishTensor() {
        if (!m_hasType || !m_hasShape || m_offsets != 2)
            return unexpected();
        TensorInfo& info = m_current.info;
        if (info.shape.empty())
            info.shape.push_back(1); // a scalar
        const auto bytes = checkedTensorBytes(info.type, info.shape);
        if (!bytes)
            return stop(damaged(m_file, "the shape of tensor " + info.name,
                                PHRASE("Status", "cannot be: a dimension is zero or too large")));
        if (m_end < m_current.offset || m_end - m_current.offset != *bytes)
            return stop(damaged(m_file, "the range of tensor " + info.name,
                                PHRASE("Status", "does not have the size of its shape and type")));
        info.bytes = *bytes;
        if (m_tensors.size() >= kMostTensors)
            return stop(damaged(m_file, PHRASE("Status", "the header"),
                                PHRASE("Status", "lists too many tensors")));
        m_tensors.push_back(std::move(m_current));
        return true;
    }

    const FileReader& m_file;
    std::vector<SafetensorsTensor>& m_tensors;
    Status m_status;
    State m_state = State::Start;
    Field m_field = Field::None;
    SafetensorsTensor m_current;
    std::uint64_t m_end = 0;
    int m_offsets = 0;
    bool m_hasType = false;
    bool m_hasShape = false;
};

/// Ranges must tile the data; names must differ.
Status checkRanges(SafetensorsHeader& header) {
    const FileReader& file = *header.file;
    auto& tensors = header.tensors;
    std::sort(tensors.begin(), tensors.end(),
              [](const auto& a, const auto& b) { return a.offset < b.offset; });
    const std::uint64_t dataBytes = file.size() - header.dataOffset;
    std::uint64_t expected = 0;
    for (SafetensorsTensor& tensor : tensors) {
        if (tensor.offset != expected)
            return damaged(file, "tensor " + tensor.info.name,
                           tensor.offset < expected ? PHRASE("Status", "overlaps another tensor")
                                                    : PHRASE("Status", "leaves a hole before it"));
        if (tensor.info.bytes > dataBytes - expected)
            return damaged(file, "tensor " + tensor.info.name,
                           PHRASE("Status", "reaches beyond the end of the file"));
        expected += tensor.info.bytes;
        tensor.offset += header.dataOffset;
    }
    if (expected != dataBytes)
        return damaged(file, PHRASE("Status", "the end of the file"),
                       PHRASE("Status", "holds bytes that belong to no tensor"));
    std::vector<std::string_view> names;
    for (const SafetensorsTensor& tensor : tensors)
        names.push_back(tensor.info.name);
    std::sort(names.begin(), names.end());
    if (const auto twice = std::adjacent_find(names.begin(), names.end()); twice != names.end())
        return damaged(file, "tensor " + std::string(*twice), PHRASE("Status", "is given twice"));
    return {};
}

} // namespace

Result<SafetensorsHeader> parseSafetensors(std::shared_ptr<const FileReader> file) {
    SafetensorsHeader header;
    header.file = std::move(file);
    const FileReader& reader = *header.file;
    std::uint64_t length = 0;
    if (reader.size() < sizeof length)
        return damaged(reader, PHRASE("Status", "the file"),
                       PHRASE("Status", "is empty or nearly so"));
    INGLENOOK_TRY(reader.read(0, std::as_writable_bytes(std::span(&length, 1))));
    if (length < 2 || length > kLongestHeader || length > reader.size() - sizeof length)
        return damaged(reader, PHRASE("Status", "the header's length"),
                       "is " + std::to_string(length));
    header.dataOffset = sizeof length + length;
    {
        std::string text(length, '\0');
        INGLENOOK_TRY(reader.read(sizeof length, std::as_writable_bytes(std::span(text))));
        if (text.front() != '{')
            return damaged(reader, PHRASE("Status", "the header"),
                           PHRASE("Status", "does not begin with {"));
        HeaderSax sax(reader, header.tensors);
        if (!nlohmann::json::sax_parse(text, &sax))
            return sax.status();
    }
    INGLENOOK_TRY(checkRanges(header));
    return header;
}

} // namespace engine
