#include "engine/text/tokenizer_json_pipeline.h"

#include "engine/text/pre_tokenizer.h"
#include "engine/text/sentence_piece.h"
#include "engine/text/tokenizer_json_document.h"

#include <optional>

namespace engine {

namespace {

using nlohmann::json;
constexpr std::string_view kFile = "tokenizer.json";
constexpr int kMostNested = 4; // a Sequence in a Sequence ...

Status unsupported(std::string part) {
    return Status(Code::TokenizerUnsupported, {{"part", std::move(part)}});
}

/// A member, or null when absent.
const json& memberOf(const json& object, const char* name) {
    static const json none;
    const auto found = object.find(name);
    return found != object.end() ? *found : none;
}

std::string stringOf(const json& object, const char* name) {
    const json& value = memberOf(object, name);
    return value.is_string() ? value.get<std::string>() : std::string();
}

/// A boolean, the default when absent or null; nothing when it has another type.
std::optional<bool> boolOf(const json& object, const char* name, bool absent) {
    const json& value = memberOf(object, name);
    if (value.is_null())
        return absent;
    return value.is_boolean() ? std::optional(value.get<bool>()) : std::nullopt;
}

class Translator {
  public:
    Translator(Vocabulary& vocabulary, TokenizerPipeline& pipeline)
        : m_vocabulary(vocabulary), m_pipeline(pipeline) {}

    Status normalizer(const json& stage, int depth = 0) {
        INGLENOOK_TRY(checkStage(stage, "normalizer", depth));
        const std::string type = stringOf(stage, "type");
        if (type == "Sequence")
            return each(stage, "normalizers", "normalizer",
                        [&](const json& inner) { return normalizer(inner, depth + 1); });
        if (type == "NFC") {
            m_vocabulary.normalizeNfc = true;
            return {};
        }
        if (type == "Prepend" && stringOf(stage, "prepend") == kSpaceSymbol) {
            m_vocabulary.addSpacePrefix = true;
            m_prepends = true;
            return {};
        }
        const json& pattern = memberOf(stage, "pattern");
        if (type == "Replace" && pattern.is_object() && stringOf(pattern, "String") == " " &&
            stringOf(stage, "content") == kSpaceSymbol) {
            m_pipeline.spaceSymbols = true;
            return {};
        }
        return unsupported("the normalizer " + type);
    }

    Status preTokenizer(const json& stage, int depth = 0) {
        INGLENOOK_TRY(checkStage(stage, "pre_tokenizer", depth));
        const std::string type = stringOf(stage, "type");
        if (type == "Sequence")
            return each(stage, "pretokenizers", "pre_tokenizer",
                        [&](const json& inner) { return preTokenizer(inner, depth + 1); });
        if (m_pipeline.byteLevel)
            return unsupported("the pre-tokenizer " + type + " after ByteLevel");
        if (type == "Split")
            return split(stage);
        if (type == "ByteLevel")
            return byteLevel(stage);
        if (type == "Digits")
            return digits(stage);
        if (type == "Metaspace")
            return metaspace(stage);
        return unsupported("the pre-tokenizer " + type);
    }

    Status postProcessor(const json& stage, int depth = 0) {
        INGLENOOK_TRY(checkStage(stage, "post_processor", depth));
        const std::string type = stringOf(stage, "type");
        if (type == "Sequence")
            return each(stage, "processors", "post_processor",
                        [&](const json& inner) { return postProcessor(inner, depth + 1); });
        if (type == "ByteLevel") // only moves offsets
            return {};
        if (type == "TemplateProcessing")
            return templateProcessing(stage);
        return unsupported("the post-processor " + type);
    }

    Status decoder(const json& stage, int depth = 0) {
        INGLENOOK_TRY(checkStage(stage, "decoder", depth));
        const std::string type = stringOf(stage, "type");
        if (type == "Sequence")
            return each(stage, "decoders", "decoder",
                        [&](const json& inner) { return decoder(inner, depth + 1); });
        for (const char* known :
             {"ByteLevel", "ByteFallback", "Fuse", "Metaspace", "Replace", "Strip"})
            if (type == known)
                return {};
        return unsupported("the decoder " + type);
    }

    Status finish() {
        if (m_prepends && !m_pipeline.spaceSymbols)
            return unsupported("the normalizer Prepend without Replace");
        if (m_pipeline.byteLevel && m_pipeline.spaceSymbols)
            return unsupported("ByteLevel together with U+2581 for spaces");
        if (m_pipeline.byteLevel && m_vocabulary.splitRegexes.empty())
            m_vocabulary.preTokenizer = "none";
        return {};
    }

  private:
    Status checkStage(const json& stage, const char* field, int depth) const {
        if (!stage.is_object())
            return invalidJson(kFile, field, "is not an object");
        if (stringOf(stage, "type").empty())
            return invalidJson(kFile, field, "has no type");
        return depth > kMostNested ? invalidJson(kFile, field, "is nested too deeply") : Status();
    }

    template<typename Visit>
    Status each(const json& stage, const char* list, const char* field, const Visit& visit) {
        const json& inner = memberOf(stage, list);
        if (!inner.is_array())
            return invalidJson(kFile, std::string(field) + "." + list, "is not a list");
        for (const json& one : inner)
            INGLENOOK_TRY(visit(one));
        return {};
    }

    Status split(const json& stage) {
        const json& pattern = memberOf(stage, "pattern");
        if (!pattern.is_object())
            return invalidJson(kFile, "pre_tokenizer.pattern", "is not an object");
        const auto invert = boolOf(stage, "invert", false);
        const std::string behavior = stringOf(stage, "behavior");
        // "Removed" with invert keeps the matches; what lies between them is kept here too.
        if (!invert ||
            !((behavior == "Isolated" && !*invert) || (behavior == "Removed" && *invert)))
            return unsupported("the pre-tokenizer Split with the behavior " + behavior);
        if (const std::string regex = stringOf(pattern, "Regex"); !regex.empty()) {
            m_vocabulary.splitRegexes.push_back(regex);
            return {};
        }
        const std::string text = stringOf(pattern, "String");
        if (text.empty() || text.find("\\E") != std::string::npos)
            return invalidJson(kFile, "pre_tokenizer.pattern", "is neither Regex nor String");
        m_vocabulary.splitRegexes.push_back("\\Q" + text + "\\E");
        return {};
    }

    Status byteLevel(const json& stage) {
        const auto prefix = boolOf(stage, "add_prefix_space", true);
        const auto useRegex = boolOf(stage, "use_regex", true);
        if (!prefix || !useRegex)
            return invalidJson(kFile, "pre_tokenizer.ByteLevel",
                               "has a switch that is not boolean");
        if (*prefix && !m_vocabulary.splitRegexes.empty())
            return unsupported("ByteLevel with add_prefix_space after another split");
        m_pipeline.byteLevel = true;
        m_vocabulary.addSpacePrefix = *prefix;
        if (*useRegex)
            m_vocabulary.splitRegexes.emplace_back(gpt2Pattern());
        return {};
    }

    Status digits(const json& stage) {
        const auto individual = boolOf(stage, "individual_digits", false);
        if (!individual)
            return invalidJson(kFile, "pre_tokenizer.individual_digits", "is not boolean");
        m_vocabulary.splitRegexes.emplace_back(*individual ? R"(\p{N})" : R"(\p{N}+)");
        return {};
    }

    Status metaspace(const json& stage) {
        const auto legacyPrefix = boolOf(stage, "add_prefix_space", true);
        const auto splits = boolOf(stage, "split", true);
        if (!legacyPrefix || !splits)
            return invalidJson(kFile, "pre_tokenizer.Metaspace",
                               "has a switch that is not boolean");
        if (stringOf(stage, "replacement") != kSpaceSymbol)
            return unsupported("the pre-tokenizer Metaspace with another symbol than U+2581");
        std::string scheme = stringOf(stage, "prepend_scheme");
        if (scheme.empty())
            scheme = *legacyPrefix ? "always" : "never";
        if (scheme != "always" && scheme != "first" && scheme != "never")
            return unsupported("the prepend_scheme " + scheme);
        if (!m_vocabulary.splitRegexes.empty())
            return unsupported("the pre-tokenizer Metaspace after another split");
        m_pipeline.spaceSymbols = true;
        if (scheme != "never" && !m_prepends) {
            m_vocabulary.addSpacePrefix = true;
            m_vocabulary.spacePrefixIfNone = true;
            m_vocabulary.spacePrefixOnlyFirst = scheme == "first";
        }
        if (*splits)
            m_vocabulary.splitRegexes.emplace_back(R"(\x{2581}[^\x{2581}]*)");
        return {};
    }

    Status templateProcessing(const json& stage) {
        const json& single = memberOf(stage, "single");
        if (!single.is_array())
            return invalidJson(kFile, "post_processor.single", "is not a list");
        bool afterText = false;
        for (const json& piece : single) {
            if (piece.is_object() && piece.contains("Sequence")) {
                afterText = true;
                continue;
            }
            const json& special =
                piece.is_object() ? memberOf(piece, "SpecialToken") : memberOf(stage, "none");
            const std::string id = special.is_object() ? stringOf(special, "id") : std::string();
            std::string& place = afterText ? m_pipeline.eos : m_pipeline.bos;
            if (id.empty())
                return invalidJson(kFile, "post_processor.single",
                                   "holds an entry of unknown kind");
            if (!place.empty())
                return unsupported("a post-processor that adds several tokens in one place");
            place = id;
        }
        return {};
    }

    Vocabulary& m_vocabulary;
    TokenizerPipeline& m_pipeline;
    bool m_prepends = false;
};

} // namespace

Status readPipeline(const json& document, Vocabulary& vocabulary, TokenizerPipeline& pipeline) {
    Translator translator(vocabulary, pipeline);
    if (const json& stage = memberOf(document, "normalizer"); !stage.is_null())
        INGLENOOK_TRY(translator.normalizer(stage));
    if (const json& stage = memberOf(document, "pre_tokenizer"); !stage.is_null())
        INGLENOOK_TRY(translator.preTokenizer(stage));
    if (const json& stage = memberOf(document, "post_processor"); !stage.is_null())
        INGLENOOK_TRY(translator.postProcessor(stage));
    if (const json& stage = memberOf(document, "decoder"); !stage.is_null())
        INGLENOOK_TRY(translator.decoder(stage));
    return translator.finish();
}

} // namespace engine
