#include "engine/text/tokenizer_json_document.h"

#include "engine/text/tokenizer_tables.h"

namespace engine {

namespace {

using nlohmann::json;

constexpr std::size_t kMaxDepth = 32;
constexpr std::size_t kMaxSmallValues = std::size_t(1) << 18;
constexpr std::size_t kMaxMerges = kMaxTokens;

/// nlohmann's SAX interface; every function returns false to end the parse.
class Handler {
  public:
    Handler(std::string_view file, JsonShape shape) : m_file(file), m_shape(shape) {}

    bool null() { return value(json()); }
    bool boolean(bool v) { return value(json(v)); }
    bool number_integer(std::int64_t v) { return value(json(v)); }
    bool number_unsigned(std::uint64_t v) {
        if (m_zone != Zone::Vocab)
            return value(json(v));
        if (m_document.vocab.size() >= kMaxTokens)
            return fail("model.vocab", "has more than 2097152 entries");
        m_document.vocab.push_back({std::move(m_key), v});
        return true;
    }
    bool number_float(double v, const std::string& /*digits*/) { return value(json(v)); }
    bool string(std::string& v) {
        return m_zone == Zone::Merges ? mergePart(v) : value(json(std::move(v)));
    }
    bool binary(json::binary_t& /*bytes*/) { return fail("the file", "holds binary data"); }
    bool key(std::string& name) {
        m_key = std::move(name);
        return true;
    }
    bool start_object(std::size_t /*size*/) {
        if (m_shape == JsonShape::VocabJson && m_open.empty() && m_zone == Zone::None)
            return enter(Zone::Vocab);
        if (atModel("vocab"))
            return enter(Zone::Vocab);
        return open(json::object());
    }
    bool end_object() { return close(); }
    bool start_array(std::size_t /*size*/) {
        if (atModel("merges"))
            return enter(Zone::Merges);
        if (atModel("vocab")) {
            m_document.vocabIsList = true;
            return enter(Zone::List);
        }
        return open(json::array());
    }
    bool end_array() { return close(); }
    bool parse_error(std::size_t position, const std::string& /*last*/,
                     const nlohmann::detail::exception& /*error*/) {
        return fail("byte " + std::to_string(position), "is no valid JSON");
    }

    Status status() const { return m_status; }
    TokenizerJsonDocument take() { return std::move(m_document); }

  private:
    enum class Zone { None, Vocab, Merges, List };

    bool fail(std::string_view field, std::string_view reason) {
        if (m_status.ok())
            m_status = invalidJson(m_file, field, reason);
        return false;
    }
    /// Is the value that comes now `name` of the model?
    bool atModel(std::string_view name) const {
        return m_shape == JsonShape::TokenizerJson && m_zone == Zone::None && m_open.size() == 2 &&
               m_inModel && m_key == name;
    }
    bool enter(Zone zone) {
        m_zone = zone;
        m_inZone = 1;
        return true;
    }
    bool open(json container) {
        if (m_open.size() + m_inZone >= kMaxDepth)
            return fail(m_key.substr(0, 40), "is nested too deeply");
        if (m_zone == Zone::None) {
            if (m_open.size() == 1)
                m_inModel = m_key == "model" && m_open.front()->is_object();
            return place(std::move(container), true);
        }
        if (m_zone == Zone::Vocab ||
            (m_zone == Zone::Merges && (container.is_object() || m_inZone > 1)))
            return fail(zoneName(), "holds an entry of the wrong type");
        ++m_inZone;
        m_pair.clear();
        m_parts = 0;
        return true;
    }
    bool close() {
        if (m_zone == Zone::None) {
            m_open.pop_back();
            return true;
        }
        if (m_zone == Zone::Merges && m_inZone == 2) {
            if (m_parts != 2)
                return fail(zoneName(), "holds a merge that is no pair");
            if (!addMerge(std::move(m_pair)))
                return false;
        }
        if (--m_inZone == 0)
            m_zone = Zone::None;
        return true;
    }
    bool value(json v) {
        if (m_zone == Zone::List)
            return true;
        if (m_zone != Zone::None)
            return fail(zoneName(), "holds an entry of the wrong type");
        return place(std::move(v), false);
    }
    bool place(json v, bool container) {
        if (++m_values > kMaxSmallValues)
            return fail("the part beside model.vocab", "has too many values");
        json* placed = &m_document.rest;
        if (m_open.empty())
            *placed = std::move(v);
        else if (m_open.back()->is_array())
            placed = &m_open.back()->emplace_back(std::move(v));
        else
            placed = &((*m_open.back())[m_key] = std::move(v));
        if (container)
            m_open.push_back(placed);
        return true;
    }
    bool mergePart(std::string& part) {
        if (m_inZone == 1)
            return addMerge(std::move(part));
        if (++m_parts > 2)
            return fail(zoneName(), "holds a merge that is no pair");
        m_pair.append(m_parts == 2 ? " " : "").append(part);
        return true;
    }
    bool addMerge(std::string merge) {
        if (m_document.merges.size() >= kMaxMerges)
            return fail(zoneName(), "has more than 2097152 entries");
        m_document.merges.push_back(std::move(merge));
        return true;
    }
    std::string_view zoneName() const {
        return m_zone == Zone::Merges ? "model.merges" : "model.vocab";
    }

    std::string_view m_file;
    JsonShape m_shape;
    Status m_status;
    TokenizerJsonDocument m_document;
    std::vector<json*> m_open; // containers around the current value; never grown while open
    std::string m_key;
    std::string m_pair;
    int m_parts = 0;
    bool m_inModel = false;
    Zone m_zone = Zone::None;
    std::size_t m_inZone = 0; // containers open inside the zone, itself included
    std::size_t m_values = 0;
};

} // namespace

Status invalidJson(std::string_view file, std::string_view field, std::string_view reason) {
    return Status(Code::TokenizerJsonInvalid, {{"file", std::string(file)},
                                               {"field", std::string(field)},
                                               {"reason", std::string(reason)}});
}

Result<TokenizerJsonDocument> readTokenizerJson(std::string_view text, std::string_view file,
                                                JsonShape shape) {
    Handler handler(file, shape);
    const bool read = json::sax_parse(text.begin(), text.end(), &handler);
    if (!handler.status().ok())
        return handler.status();
    if (!read)
        return invalidJson(file, "the file", "is no valid JSON");
    TokenizerJsonDocument document = handler.take();
    if (shape != JsonShape::VocabJson && !document.rest.is_object())
        return invalidJson(file, "the outermost value", "is not an object");
    return document;
}

} // namespace engine
